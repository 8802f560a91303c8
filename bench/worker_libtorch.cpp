// LibTorch's candidates: modules and optimisers as its manual has them, gradients set to none before each step.
//
// The driver runs this program twice, the second time with the C library told to keep memory (`libtorch-tuned`); the name of the
// candidates is in the environment.
#include <torch/torch.h>
#include <torch/version.h>

#include <cstdlib>
#include <optional>

#include "problems.h"
#include "worker.h"

namespace {

using namespace bench;
using torch::Tensor;
namespace nn = torch::nn;

Tensor tensor(const std::vector<float>& values, std::vector<std::int64_t> shape) {
  return torch::from_blob(const_cast<float*>(values.data()), shape, torch::kFloat).clone();
}

Tensor tensor(const std::vector<std::int32_t>& values) {
  return torch::from_blob(const_cast<std::int32_t*>(values.data()), {static_cast<std::int64_t>(values.size())},
                          torch::kInt)
      .to(torch::kLong);
}

// Copies the values into the parameters, in their order.
void set(const std::vector<Tensor>& parameters, const std::vector<float>& values) {
  torch::NoGradGuard guard;
  std::size_t offset = 0;
  for (const Tensor& parameter : parameters) {
    const std::size_t count = static_cast<std::size_t>(parameter.numel());
    const std::vector<float> some(values.begin() + offset, values.begin() + offset + count);
    Tensor(parameter).copy_(tensor(some, parameter.sizes().vec()));
    offset += count;
  }
}

std::vector<float> joined(const std::vector<std::vector<float>>& values) {
  std::vector<float> all;
  for (const auto& some : values) all.insert(all.end(), some.begin(), some.end());
  return all;
}

void drop_gradients(const std::vector<Tensor>& parameters) {
  for (const Tensor& parameter : parameters) parameter.mutable_grad().reset();
}

void add_sums_of(std::vector<double>& sums, const Tensor& values) {
  const Tensor whole = values.detach().contiguous();
  add_sums(sums, whole.data_ptr<float>(), static_cast<std::size_t>(whole.numel()));
}

std::unique_ptr<torch::optim::Optimizer> optimizer(Rule rule, const std::vector<Tensor>& parameters, double rate) {
  if (rule == Rule::kSgd) return std::make_unique<torch::optim::SGD>(parameters, torch::optim::SGDOptions(rate));
  return std::make_unique<torch::optim::Adam>(parameters, torch::optim::AdamOptions(rate));
}

// What trains a module.
class Trained : public Training<Trained> {
 public:
  void reset() override { set(parameters_, initial_); }
  void step() { loss_tensor_of_step(); }
  double loss_of_step() { return loss_tensor_of_step().item<double>(); }

 protected:
  void start(nn::Sequential module, Rule rule, double rate, std::vector<float> initial) {
    module_ = module;
    parameters_ = module->parameters();
    initial_ = std::move(initial);
    reset();
    optimizer_ = optimizer(rule, parameters_, rate);
  }
  virtual Tensor loss() = 0;

  nn::Sequential module_{nullptr};

 private:
  Tensor loss_tensor_of_step() {
    drop_gradients(parameters_);
    Tensor value = loss();
    value.backward();
    optimizer_->step();
    return value;
  }
  std::vector<Tensor> parameters_;
  std::vector<float> initial_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
};

class LineTask : public Trained {
 public:
  LineTask() {
    const Line line;
    for (int i = 0; i < Line::kSamples; ++i) {
      x_.push_back(torch::full({1, 1}, line.x[i]));
      t_.push_back(torch::full({1, 1}, line.t[i]));
    }
    start(nn::Sequential(nn::Linear(1, 1)), Rule::kSgd, Line::kRate, {Line::kW, Line::kB});
  }

 private:
  Tensor loss() override {
    const int sample = sample_;
    sample_ = (sample_ + 1) % Line::kSamples;
    return torch::mse_loss(module_->forward(x_[sample]), t_[sample]);
  }
  std::vector<Tensor> x_, t_;
  int sample_ = 0;
};

nn::Sequential network(const Mlp& mlp) {
  nn::Sequential module;
  for (int l = 0; l < mlp.layers(); ++l) {
    module->push_back(nn::Linear(mlp.widths[l], mlp.widths[l + 1]));
    if (l + 1 == mlp.layers()) break;
    if (mlp.hidden == Hidden::kTanh) {
      module->push_back(nn::Tanh());
    } else {
      module->push_back(nn::ReLU());
    }
  }
  if (mlp.loss == Loss::kSquareOfSigmoid) module->push_back(nn::Sigmoid());
  return module;
}

class MlpTask : public Trained {
 public:
  explicit MlpTask(const Mlp& mlp) : has_labels_(mlp.has_labels()) {
    x_ = tensor(mlp.x(), {mlp.batch, mlp.inputs()});
    t_ = has_labels_ ? tensor(mlp.classes()) : tensor(mlp.t(), {mlp.batch, mlp.outputs()});
    start(network(mlp), mlp.rule, mlp.rate, mlp.initial());
  }

 private:
  Tensor loss() override {
    const Tensor y = module_->forward(x_);
    return has_labels_ ? torch::cross_entropy_loss(y, t_) : torch::mse_loss(y, t_);
  }
  const bool has_labels_;
  Tensor x_, t_;
};

class CnnTask : public Trained {
 public:
  CnnTask() {
    const Cnn cnn;
    x_ = tensor(cnn.x, {Cnn::kBatch, 1, Cnn::kSide, Cnn::kSide});
    t_ = tensor(cnn.t);
    const auto conv = [](int in, int out) { return nn::Conv2d(nn::Conv2dOptions(in, out, 3).padding(1)); };
    start(nn::Sequential(conv(1, Cnn::kFirst), nn::ReLU(), nn::MaxPool2d(2), conv(Cnn::kFirst, Cnn::kSecond),
                         nn::ReLU(), nn::MaxPool2d(2), nn::Flatten(), nn::Linear(Cnn::kFlat, Cnn::kClasses)),
          Rule::kAdam, Cnn::kRate, joined(cnn.initial));
  }

 private:
  Tensor loss() override { return torch::cross_entropy_loss(module_->forward(x_), t_); }
  Tensor x_, t_;
};

class Prediction : public Steps<Prediction> {
 public:
  explicit Prediction(const Mlp& mlp) : module_(network(mlp)), x_(tensor(row(mlp), {1, mlp.inputs()})) {
    set(module_->parameters(), mlp.initial());
  }
  void run(std::int64_t steps) override {
    c10::InferenceMode guard;
    Steps<Prediction>::run(steps);
  }
  void step() { y_ = module_->forward(x_); }
  std::vector<double> check() override {
    run(1);
    std::vector<double> sums;
    add_sums_of(sums, y_);
    return sums;
  }

 private:
  nn::Sequential module_;
  Tensor x_, y_;
};

class ElementwiseTask : public Steps<ElementwiseTask> {
 public:
  explicit ElementwiseTask(const Elementwise& e) : x_(tensor(million(), {e.rows, e.columns})), function_(e.function) {
    function_pointer_ = function_ == "tanh"      ? [](const Tensor& x) { return torch::tanh(x); }
                        : function_ == "exp"     ? [](const Tensor& x) { return torch::exp(x); }
                        : function_ == "sigmoid" ? [](const Tensor& x) { return torch::sigmoid(x); }
                        : function_ == "relu"    ? [](const Tensor& x) { return torch::relu(x); }
                        : function_ == "sum"     ? [](const Tensor& x) { return torch::sum(x); }
                                                 : [](const Tensor& x) { return torch::softmax(x, 1); };
  }
  void run(std::int64_t steps) override {
    c10::InferenceMode guard;
    Steps<ElementwiseTask>::run(steps);
  }
  void step() { y_ = function_pointer_(x_); }
  std::vector<double> check() override {
    run(1);
    std::vector<double> sums;
    add_sums_of(sums, y_);
    return sums;
  }

 private:
  Tensor x_, y_;
  const std::string function_;
  Tensor (*function_pointer_)(const Tensor&);
};

class RuleTask : public Steps<RuleTask> {
 public:
  explicit RuleTask(Rule rule) : w_(tensor(million(), {kMillion}).set_requires_grad(true)) {
    w_.square().mean().backward();
    optimizer_ = optimizer(rule, {w_}, kRuleRate);
  }
  void step() { optimizer_->step(); }
  std::vector<double> check() override {
    run(10);
    std::vector<double> sums;
    add_sums_of(sums, w_);
    return sums;
  }

 private:
  Tensor w_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
};

// A layer's two passes, the backward one from g, so that no loss has to be computed.
class LayerTask : public Steps<LayerTask> {
 public:
  template <class Layer>
  LayerTask(const Layer& layer, std::vector<std::int64_t> shape) : x_(tensor(layer.x, std::move(shape))) {
    x_.set_requires_grad(true);
  }
  void step() {
    drop_gradients(all_);
    const Tensor y = forward(x_);
    y.backward(g_);
  }
  std::vector<double> check() override {
    step();
    std::vector<double> sums;
    for (const Tensor& parameter : all_) {
      add_sums_of(sums, parameter.grad());
    }
    return sums;
  }

 protected:
  template <class Layer>
  void start(const Layer& layer, const std::vector<Tensor>& parameters, std::vector<std::int64_t> g_shape) {
    set(parameters, joined(layer.initial));
    g_ = tensor(layer.g, std::move(g_shape));
    all_ = {x_};
    all_.insert(all_.end(), parameters.begin(), parameters.end());
  }
  virtual Tensor forward(const Tensor& x) = 0;

 private:
  Tensor x_, g_;
  std::vector<Tensor> all_;
};

class LstmTask : public LayerTask {
 public:
  LstmTask() : LayerTask(Lstm(), {Lstm::kLength, Lstm::kBatch, Lstm::kIn}) {
    start(Lstm(), lstm_->parameters(), {Lstm::kLength, Lstm::kBatch, Lstm::kHidden});
  }

 private:
  Tensor forward(const Tensor& x) override { return std::get<0>(lstm_->forward(x)); }
  nn::LSTM lstm_{nn::LSTMOptions(Lstm::kIn, Lstm::kHidden)};
};

class AttentionTask : public LayerTask {
 public:
  AttentionTask() : LayerTask(Attention(), {Attention::kLength, Attention::kBatch, Attention::kWidth}) {
    start(Attention(), attention_->parameters(), {Attention::kLength, Attention::kBatch, Attention::kWidth});
  }

 private:
#if TORCH_VERSION_MAJOR >= 2
  // By the fused function, which the module of the C++ interface does not use.
  Tensor forward(const Tensor& x) override {
    const std::vector<Tensor> p = attention_->parameters();
    std::vector<Tensor> parts = torch::linear(x, p[0], p[1]).chunk(3, 2);
    for (Tensor& part : parts)  // [length, batch, width] to [batch, heads, length, width / heads]
      part = part.view({Attention::kLength, Attention::kBatch, Attention::kHeads, -1}).permute({1, 2, 0, 3});
    const Tensor y = at::scaled_dot_product_attention(parts[0], parts[1], parts[2], std::nullopt, 0, true);
    return torch::linear(y.permute({2, 0, 1, 3}).reshape(x.sizes()), p[2], p[3]);
  }
#else
  Tensor forward(const Tensor& x) override {
    return std::get<0>(attention_->forward(x, x, x, /*key_padding_mask=*/{}, /*need_weights=*/false, mask_));
  }
  Tensor mask_ = torch::full({Attention::kLength, Attention::kLength}, -INFINITY).triu(1);
#endif
  nn::MultiheadAttention attention_{Attention::kWidth, Attention::kHeads};
};

class LayerNormTask : public LayerTask {
 public:
  LayerNormTask() : LayerTask(LayerNorm(), {LayerNorm::kRows, LayerNorm::kColumns}) {
    start(LayerNorm(), norm_->parameters(), {LayerNorm::kRows, LayerNorm::kColumns});
  }

 private:
  Tensor forward(const Tensor& x) override { return norm_->forward(x); }
  nn::LayerNorm norm_{nn::LayerNormOptions({LayerNorm::kColumns})};
};

class BatchNormTask : public LayerTask {
 public:
  BatchNormTask() : LayerTask(BatchNorm(), shape()) { start(BatchNorm(), norm_->parameters(), shape()); }

 private:
  static std::vector<std::int64_t> shape() {
    return {BatchNorm::kBatch, BatchNorm::kChannels, BatchNorm::kSide, BatchNorm::kSide};
  }
  Tensor forward(const Tensor& x) override { return norm_->forward(x); }
  nn::BatchNorm2d norm_{BatchNorm::kChannels};
};

// The version, and what the library's description of itself says about the kernels in use.
std::string about() {
  std::string text = std::string("LibTorch ") + TORCH_VERSION;
  const std::string config = torch::show_config();
  for (const std::string wanted : {"CPU capability usage: ", "BLAS_INFO=", "USE_MKLDNN="}) {
    const std::size_t start = config.find(wanted);
    if (start != std::string::npos) text += ", " + config.substr(start, config.find_first_of(",\n", start) - start);
  }
  return text + ", threads: " + std::to_string(torch::get_num_threads());
}

template <class T, class... Arguments>
Entry entry(const std::string& job, Arguments... arguments) {
  const char* tuned = std::getenv("BENCH_CANDIDATE");
  return {job, tuned == nullptr ? "libtorch" : tuned, [=] { return std::make_unique<T>(arguments...); }};
}

}  // namespace

int main() {
  torch::set_num_threads(1);
  std::vector<Entry> entries = {entry<LineTask>(Line::kJob), entry<CnnTask>(Cnn::kJob)};
  for (const Mlp& mlp : trained()) entries.push_back(entry<MlpTask>(mlp.job, mlp));
  for (const Mlp& mlp : predicting()) entries.push_back(entry<Prediction>(mlp.job, mlp));
  for (const Elementwise& function : kElementwise) entries.push_back(entry<ElementwiseTask>(function.job(), function));
  entries.push_back(entry<RuleTask>(kRuleJobs[0], Rule::kAdam));
  entries.push_back(entry<RuleTask>(kRuleJobs[1], Rule::kSgd));
  entries.push_back(entry<LstmTask>(Lstm::kJob));
  entries.push_back(entry<AttentionTask>(Attention::kJob));
  entries.push_back(entry<LayerNormTask>(LayerNorm::kJob));
  entries.push_back(entry<BatchNormTask>(BatchNorm::kJob));
  return serve(about(), entries);
}
