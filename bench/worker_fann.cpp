// FANN's candidates: the nets that its activations and rules allow.
#include <floatfann.h>

#include <algorithm>

#include "problems.h"
#include "worker.h"

namespace {

using namespace bench;

// A network of FANN with given weights. Each unit's connections come together in FANN, those from the layer below first and
// then the bias.
class Net {
 public:
  Net(const std::vector<int>& widths, fann_activationfunc_enum hidden, float hidden_steepness,
      fann_activationfunc_enum output, float output_steepness)
      : widths_(widths), layers_(static_cast<int>(widths.size()) - 1) {
    const std::vector<unsigned> sizes(widths.begin(), widths.end());
    ann = fann_create_standard_array(static_cast<unsigned>(sizes.size()), sizes.data());
    if (layers_ > 1) {
      fann_set_activation_function_hidden(ann, hidden);
      fann_set_activation_steepness_hidden(ann, hidden_steepness);
    }
    fann_set_activation_function_output(ann, output);
    fann_set_activation_steepness_output(ann, output_steepness);
    fann_set_train_error_function(ann, FANN_ERRORFUNC_LINEAR);
    fann_set_learning_momentum(ann, 0);
  }
  Net(const Net&) = delete;
  ~Net() { fann_destroy(ann); }

  void set(const std::vector<float>& values) {
    fann_type* weight = ann->weights;
    const float* layer = values.data();
    for (int l = 0; l < layers_; ++l) {
      const int in = widths_[l], out = widths_[l + 1];
      for (int j = 0; j < out; ++j) {
        weight = std::copy_n(layer + j * in, in, weight);
        *weight++ = layer[in * out + j];
      }
      layer += in * out + out;
    }
    // The updates before are none of the weights' history.
    if (ann->prev_weights_deltas != nullptr)
      std::fill_n(ann->prev_weights_deltas, ann->total_connections_allocated, 0.0f);
  }

  fann* ann;

 private:
  std::vector<int> widths_;
  int layers_;
};

// FANN descends by half the gradient of the squared error: twice the rate makes up for it.
class LineTask : public Training<LineTask> {
 public:
  LineTask() {
    fann_set_training_algorithm(net_.ann, FANN_TRAIN_INCREMENTAL);
    fann_set_learning_rate(net_.ann, 2 * Line::kRate);
    reset();
  }
  void reset() override { net_.set({Line::kW, Line::kB}); }
  void step() {
    fann_train(net_.ann, &line_.x[sample_], &line_.t[sample_]);
    sample_ = (sample_ + 1) % Line::kSamples;
  }
  double loss_of_step() {
    fann_reset_MSE(net_.ann);
    step();
    return fann_get_MSE(net_.ann);
  }

 private:
  Line line_;
  Net net_{{1, 1}, FANN_LINEAR, 1, FANN_LINEAR, 1};
  int sample_ = 0;
};

// FANN's sigmoid of steepness 1/2 is 1 / (1 + exp(-x)), its symmetric one of steepness 1 is tanh.
class XorTask : public Training<XorTask> {
 public:
  XorTask() {
    data_ = fann_create_train(kXor.batch, kXor.inputs(), kXor.outputs());
    for (int r = 0; r < kXor.batch; ++r) {
      std::copy_n(&x_[r * kXor.inputs()], kXor.inputs(), data_->input[r]);
      data_->output[r][0] = t_[r];
    }
    fann_set_training_algorithm(net_.ann, FANN_TRAIN_BATCH);
    fann_set_learning_rate(net_.ann, 2 * kXor.rate);
    reset();
  }
  ~XorTask() override { fann_destroy_train(data_); }
  void reset() override { net_.set(initial_); }
  void step() { fann_train_epoch(net_.ann, data_); }
  double loss_of_step() { return fann_train_epoch(net_.ann, data_); }

 private:
  const std::vector<float> initial_ = kXor.initial(), x_ = kXor.x(), t_ = kXor.t();
  Net net_{kXor.widths, FANN_SIGMOID_SYMMETRIC, 1, FANN_SIGMOID, 0.5f};
  fann_train_data* data_;
};

// FANN has no ReLU, but a line from 0 to 1 that is level beyond: with the steepness 1/4 and weights four times as great after
// it, it is the same for sums up to 4.
class Prediction : public Steps<Prediction> {
 public:
  explicit Prediction(const Mlp& mlp)
      : mlp_(mlp),
        x_(row(mlp)),
        net_(mlp.widths, mlp.hidden == Hidden::kTanh ? FANN_SIGMOID_SYMMETRIC : FANN_LINEAR_PIECE,
             mlp.hidden == Hidden::kTanh ? 1 : 0.25f, mlp.loss == Loss::kSquareOfSigmoid ? FANN_SIGMOID : FANN_LINEAR,
             mlp.loss == Loss::kSquareOfSigmoid ? 0.5f : 1) {
    std::vector<float> values = mlp.initial();
    if (mlp.hidden == Hidden::kRelu) {
      const std::size_t second = (mlp.widths[0] + 1) * mlp.widths[1];
      for (int i = 0; i < mlp.widths[1] * mlp.widths[2]; ++i) values[second + i] *= 4;
    }
    net_.set(values);
  }
  void step() { y_ = fann_run(net_.ann, x_.data()); }
  std::vector<double> check() override {
    step();
    std::vector<double> sums;
    add_sums(sums, y_, static_cast<std::size_t>(mlp_.outputs()));
    return sums;
  }

 private:
  const Mlp mlp_;
  std::vector<float> x_;
  Net net_;
  fann_type* y_;
};

}  // namespace

int main() {
  std::vector<Entry> entries = {{Line::kJob, "fann", [] { return std::make_unique<LineTask>(); }},
                                {kXor.job, "fann", [] { return std::make_unique<XorTask>(); }}};
  for (const Mlp& mlp : predicting())
    entries.push_back({mlp.job, "fann", [mlp] { return std::make_unique<Prediction>(mlp); }});
  return serve("FANN " BENCH_FANN_VERSION ", floats", entries);
}
