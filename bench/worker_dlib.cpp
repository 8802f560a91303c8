// dlib's candidates: its networks, with gradients and updates asked for step by step.
#include <dlib/dnn.h>
#include <dlib/revision.h>

#include <algorithm>

#include "problems.h"
#include "worker.h"

namespace {

using namespace bench;

// A network from its type, which begins with a loss, in steps with given data.
template <class Net, class Label>
class NetTask : public Training<NetTask<Net, Label>> {
 public:
  // `factor` is what the rate has to be multiplied by.
  NetTask(const std::vector<float>& x, int batch, int rows, int columns, std::vector<Label> labels,
          std::vector<float> initial, Rule rule, float rate)
      : labels_(std::move(labels)),
        initial_(std::move(initial)),
        rule_(rule),
        rate_(rate),
        sgd_(Net::num_computational_layers, dlib::sgd(0, 0)),
        adam_(Net::num_computational_layers, dlib::adam(0, 0.9f, 0.999f)) {
    const std::size_t width = static_cast<std::size_t>(rows) * columns;
    std::vector<dlib::matrix<float>> samples;
    for (std::size_t first = 0; first < x.size(); first += width)
      samples.emplace_back(dlib::mat(x.data() + first, rows, columns));
    for (std::size_t first = 0; first < samples.size(); first += batch) {
      batches_.emplace_back();
      net_.to_tensor(samples.begin() + first, samples.begin() + first + batch, batches_.back());
    }
    net_.forward(batches_[0]);  // which allocates the parameters
    reset();
  }
  // dlib has the weights of a dense layer as [in, out].
  void reset() override {
    std::vector<dlib::tensor*> parameters;
    dlib::visit_layer_parameters(net_, [&](std::size_t, dlib::tensor& values) {
      if (values.size() > 0) parameters.push_back(&values);
    });
    std::reverse(parameters.begin(), parameters.end());  // from the input on
    const float* from = initial_.data();
    for (dlib::tensor* values : parameters) {
      float* to = values->host();
      if (values->nr() == 1 && values->nc() == 1 && values->k() == 1) {  // of a convolution: one column
        std::copy_n(from, values->size(), to);
      } else {
        const long in = values->num_samples() - 1, out = static_cast<long>(values->size()) / (in + 1);
        for (long i = 0; i < in; ++i) {
          for (long j = 0; j < out; ++j) to[i * out + j] = from[j * in + i];
        }
        std::copy_n(from + in * out, out, to + in * out);
      }
      from += values->size();
    }
  }
  void step() { loss_of_step(); }
  double loss_of_step() {
    const std::size_t rows = static_cast<std::size_t>(batches_[0].num_samples());
    const double loss = net_.compute_parameter_gradients(batches_[batch_], labels_.begin() + batch_ * rows);
    if (rule_ == Rule::kSgd) {
      net_.update_parameters(sgd_, rate_);
    } else {
      net_.update_parameters(adam_, rate_);
    }
    batch_ = (batch_ + 1) % batches_.size();
    return loss;
  }

 private:
  const std::vector<Label> labels_;
  const std::vector<float> initial_;
  const Rule rule_;
  const float rate_;
  Net net_;
  std::vector<dlib::sgd> sgd_;
  std::vector<dlib::adam> adam_;
  std::vector<dlib::resizable_tensor> batches_;
  std::size_t batch_ = 0;
};

using dlib::fc;
using dlib::htan;
using dlib::input;
using dlib::loss_mean_squared;
using dlib::loss_multiclass_log;
using dlib::matrix;
using dlib::max_pool;
using dlib::relu;
using dlib::sig;
using Input = input<matrix<float>>;

using LineNet = loss_mean_squared<fc<1, Input>>;
using XorNet = loss_mean_squared<sig<fc<1, htan<fc<16, Input>>>>>;
using TableNet = loss_mean_squared<fc<1, relu<fc<32, relu<fc<32, relu<fc<32, Input>>>>>>>>;
using DigitsNet = loss_multiclass_log<fc<10, relu<fc<128, Input>>>>;
using WideNet = loss_multiclass_log<fc<10, relu<fc<1024, relu<fc<1024, Input>>>>>>;
using CnnNet = loss_multiclass_log<
    fc<10, max_pool<2, 2, 2, 2,
                    relu<dlib::con<16, 3, 3, 1, 1, max_pool<2, 2, 2, 2, relu<dlib::con<8, 3, 3, 1, 1, Input>>>>>>>>;

// dlib descends by half the gradient of the squared error: twice the rate makes up for it. Adam takes no notice of the scale.
float rate_of(const Mlp& mlp) { return mlp.has_labels() || mlp.rule == Rule::kAdam ? mlp.rate : 2 * mlp.rate; }

template <class Net>
Entry squares(const Mlp& mlp) {
  return {mlp.job, "dlib", [mlp] {
            return std::make_unique<NetTask<Net, float>>(mlp.x(), mlp.batch, mlp.inputs(), 1, mlp.t(), mlp.initial(),
                                                         mlp.rule, rate_of(mlp));
          }};
}

std::vector<unsigned long> wide(const std::vector<std::int32_t>& labels) { return {labels.begin(), labels.end()}; }

template <class Net>
Entry classes(const Mlp& mlp) {
  return {mlp.job, "dlib", [mlp] {
            return std::make_unique<NetTask<Net, unsigned long>>(
                mlp.x(), mlp.batch, mlp.inputs(), 1, wide(mlp.classes()), mlp.initial(), mlp.rule, rate_of(mlp));
          }};
}

std::unique_ptr<Task> line() {
  const Line line;
  return std::make_unique<NetTask<LineNet, float>>(line.x, 1, 1, 1, line.t, std::vector<float>{Line::kW, Line::kB},
                                                   Rule::kSgd, 2 * Line::kRate);
}

std::unique_ptr<Task> cnn() {
  const Cnn cnn;
  std::vector<float> initial;
  for (const auto& values : cnn.initial) initial.insert(initial.end(), values.begin(), values.end());
  return std::make_unique<NetTask<CnnNet, unsigned long>>(cnn.x, Cnn::kBatch, Cnn::kSide, Cnn::kSide, wide(cnn.t),
                                                          initial, Rule::kAdam, Cnn::kRate);
}

}  // namespace

int main() {
  std::vector<Entry> entries = {{Line::kJob, "dlib", line},
                                {Cnn::kJob, "dlib", cnn},
                                squares<XorNet>(kXor),
                                squares<TableNet>(kTable),
                                classes<WideNet>(kWide)};
  for (const Mlp& mlp : kDigits) entries.push_back(classes<DigitsNet>(mlp));
  return serve("dlib " + std::to_string(DLIB_MAJOR_VERSION) + "." + std::to_string(DLIB_MINOR_VERSION), entries);
}
