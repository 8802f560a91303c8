// Nadir's candidates, by its C API alone.
#include <nadir/nadir.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <stdexcept>

#include "problems.h"
#include "profile.h"
#include "worker.h"

namespace {

using namespace bench;

void need(bool good, const char* message) {
  if (!good) throw std::runtime_error(message);
}

// A graph, a session of it and, when it trains, an optimiser.
class Model {
 public:
  Model() = default;
  Model(const Model&) = delete;
  ~Model() {
    nadir_optimizer_free(optimizer);
    nadir_session_free(session);
    nadir_graph_free(graph);
  }

  nadir_node input(const char* name, nadir_dtype dtype, std::vector<std::int64_t> shape) const {
    return nadir_input_add(graph, name, dtype, shape.data(), static_cast<std::int32_t>(shape.size()));
  }
  nadir_node parameter(const char* name, std::vector<std::int64_t> shape) const {
    return nadir_param_add(graph, name, NADIR_F32, shape.data(), static_cast<std::int32_t>(shape.size()), nullptr);
  }
  void compile(nadir_node loss, std::vector<nadir_node> outputs, std::int64_t batch) {
    session = nadir_session_new(graph, loss, outputs.data(), static_cast<std::int32_t>(outputs.size()), batch, nullptr);
    need(session != nullptr, nadir_graph_error(graph));
    last = session;
  }
  void optimize(Rule rule, double rate) {
    optimizer = (rule == Rule::kSgd ? nadir_sgd_new : nadir_adam_new)(session, rate, nullptr);
    need(optimizer != nullptr, nadir_session_error(session));
  }
  // All parameters, in the order of declaration.
  void set(const std::vector<float>& values) const {
    need(nadir_params_flat_set(graph, NADIR_F32, values.data(), values.size() * sizeof(float)) == NADIR_OK,
         nadir_graph_error(graph));
  }
  void set(const std::vector<std::vector<float>>& values) const {
    std::vector<float> all;
    for (const auto& some : values) all.insert(all.end(), some.begin(), some.end());
    set(all);
  }
  template <class T>
  void bind(nadir_node node, const std::vector<T>& values) const {
    good(nadir_session_bind(session, node, values.data(), values.size() * sizeof(T)));
  }
  template <class T>
  void write(nadir_node node, const std::vector<T>& values) const {
    good(nadir_session_write(session, node, values.data(), values.size() * sizeof(T)));
  }
  void good(nadir_status status) const {
    if (status != NADIR_OK) [[unlikely]]
      throw std::runtime_error(nadir_session_error(session));
  }
  std::vector<float> read(nadir_node node, std::size_t count) const {
    std::vector<float> values(count);
    good(nadir_session_read(session, node, values.data(), count * sizeof(float)));
    return values;
  }

  nadir_graph* graph = nadir_graph_new(nullptr);
  nadir_session* session = nullptr;
  nadir_optimizer* optimizer = nullptr;
  inline static nadir_session* last = nullptr;  // that was compiled
};

// ------------------------------------------------------------------------------------------------------------- a line

class LineTask : public Training<LineTask> {
 public:
  LineTask() {
    x_ = model_.input("x", NADIR_F32, {NADIR_BATCH, 1});
    t_ = model_.input("t", NADIR_F32, {NADIR_BATCH, 1});
    const nadir_node y = nadir_linear_add(model_.graph, "fit", x_, 1, nullptr);
    model_.compile(nadir_mse_loss(model_.graph, y, t_, nullptr), {}, 1);
    reset();
    model_.optimize(Rule::kSgd, Line::kRate);
  }
  void reset() override { model_.set(std::vector<float>{Line::kW, Line::kB}); }
  void step() { step(nullptr); }
  double loss_of_step() {
    double loss;
    step(&loss);
    return loss;
  }

 protected:
  void step(double* loss) {
    nadir_session_write(model_.session, x_, &line_.x[sample_], sizeof(float));
    nadir_session_write(model_.session, t_, &line_.t[sample_], sizeof(float));
    if (nadir_train_step(model_.optimizer, loss) != NADIR_OK) [[unlikely]]
      throw std::runtime_error("the step failed");
    sample_ = (sample_ + 1) % Line::kSamples;
  }

  Line line_;
  Model model_;
  nadir_node x_, t_;
  int sample_ = 0;
};

// --------------------------------------------------------------------------------------------- multi-layer perceptrons

nadir_node network(const Model& model, const Mlp& mlp, nadir_node x) {
  const std::string names[] = {"first", "second", "third", "fourth"};
  for (int l = 0; l < mlp.layers(); ++l) {
    x = nadir_linear_add(model.graph, names[l].c_str(), x, mlp.widths[l + 1], nullptr);
    if (l + 1 < mlp.layers()) x = (mlp.hidden == Hidden::kTanh ? nadir_tanh : nadir_relu)(model.graph, x);
  }
  return mlp.loss == Loss::kSquareOfSigmoid ? nadir_sigmoid(model.graph, x) : x;
}

class MlpTask : public Training<MlpTask> {
 public:
  explicit MlpTask(const Mlp& mlp) : mlp_(mlp), writes_(mlp.job == std::string("J2")) {
    x_ = model_.input("x", NADIR_F32, {NADIR_BATCH, mlp.inputs()});
    nadir_node loss;
    if (mlp.has_labels()) {
      t_ = model_.input("t", NADIR_I32, {NADIR_BATCH});
      loss = nadir_cross_entropy_loss(model_.graph, network(model_, mlp, x_), t_, NADIR_NONE, nullptr);
    } else {
      t_ = model_.input("t", NADIR_F32, {NADIR_BATCH, mlp.outputs()});
      loss = nadir_mse_loss(model_.graph, network(model_, mlp, x_), t_, nullptr);
    }
    model_.compile(loss, {}, mlp.batch);
    reset();
    model_.optimize(mlp.rule, mlp.rate);
  }
  void reset() override { model_.set(initial_); }
  void step() { step(nullptr); }
  double loss_of_step() {
    double loss;
    step(&loss);
    return loss;
  }

 protected:
  // The small network's rows are copied; of the others, where the next batch lies is told anew each step.
  void step(double* loss) {
    if (writes_) {
      model_.write(x_, x_values_);
      model_.write(t_, t_values_);
    } else {
      model_.bind(x_, x_values_);
      if (mlp_.has_labels()) {
        model_.bind(t_, classes_);
      } else {
        model_.bind(t_, t_values_);
      }
    }
    model_.good(nadir_train_step(model_.optimizer, loss));
  }

  const Mlp mlp_;
  const bool writes_;
  const std::vector<float> initial_ = mlp_.initial(), x_values_ = mlp_.x();
  const std::vector<float> t_values_ = mlp_.has_labels() ? std::vector<float>() : mlp_.t();
  const std::vector<std::int32_t> classes_ = mlp_.classes();
  Model model_;
  nadir_node x_, t_;
};

// Defined where the header declares nadir_train_steps.
// Many steps a call, over rows that lie one after the other.
class ManySteps {
 public:
  static constexpr std::int64_t kChunk = 1024;

  // `x` and `t` are repeated until they last for a chunk of steps of `rows` rows.
  ManySteps(const std::vector<float>& x, const std::vector<float>& t, std::int64_t rows, std::size_t x_width,
            std::size_t t_width)
      : rows_(rows), x_(repeated(x, kChunk * rows * x_width)), t_(repeated(t, kChunk * rows * t_width)) {}

  void run(const Model& model, nadir_node x, nadir_node t, std::int64_t steps) const {
    const nadir_node inputs[] = {x, t};
    const void* const data[] = {x_.data(), t_.data()};
    for (std::int64_t left = steps; left > 0; left -= kChunk) {
      model.good(nadir_train_steps(model.optimizer, inputs, data, 2, rows_, std::min(left, kChunk), nullptr, nullptr));
    }
  }

 private:
  static std::vector<float> repeated(const std::vector<float>& values, std::size_t count) {
    std::vector<float> all(count);
    for (std::size_t i = 0; i < count; ++i) all[i] = values[i % values.size()];
    return all;
  }
  std::int64_t rows_;
  std::vector<float> x_, t_;
};

class LineSteps : public LineTask {
 public:
  void run(std::int64_t steps) override { many_.run(model_, x_, t_, steps); }
  std::vector<double> check() override {
    const double first = loss_of_step();
    reset();
    sample_ = 0;
    many_.run(model_, x_, t_, 100);
    sample_ = 100 % Line::kSamples;
    return {first, loss_of_step()};
  }

 private:
  ManySteps many_{line_.x, line_.t, 1, 1, 1};
};

class MlpSteps : public MlpTask {
 public:
  using MlpTask::MlpTask;
  void run(std::int64_t steps) override { many_.run(model_, x_, t_, steps); }
  std::vector<double> check() override {
    const double first = loss_of_step();
    reset();
    many_.run(model_, x_, t_, 100);
    return {first, loss_of_step()};
  }

 private:
  ManySteps many_{x_values_, t_values_, mlp_.batch, static_cast<std::size_t>(mlp_.inputs()),
                  static_cast<std::size_t>(mlp_.outputs())};
};

class Prediction : public Steps<Prediction> {
 public:
  explicit Prediction(const Mlp& mlp) : x_values_(row(mlp)), y_values_(mlp.outputs()) {
    x_ = model_.input("x", NADIR_F32, {NADIR_BATCH, mlp.inputs()});
    y_ = network(model_, mlp, x_);
    model_.compile(NADIR_NONE, {y_}, 1);
    model_.set(mlp.initial());
  }
  void step() {
    model_.write(x_, x_values_);
    model_.good(nadir_forward(model_.session));
    model_.good(nadir_session_read(model_.session, y_, y_values_.data(), y_values_.size() * sizeof(float)));
  }
  std::vector<double> check() override {
    step();
    std::vector<double> sums;
    add_sums(sums, y_values_.data(), y_values_.size());
    return sums;
  }

 private:
  const std::vector<float> x_values_;
  std::vector<float> y_values_;
  Model model_;
  nadir_node x_, y_;
};

nadir_node cnn_loss(nadir_graph* graph, nadir_node x, nadir_node t) {
  nadir_node y = x;
  y = nadir_relu(graph, nadir_conv2d_add(graph, "first", y, Cnn::kFirst, 3, "padding=1"));
  y = nadir_max_pool2d(graph, y, 2, nullptr);
  y = nadir_relu(graph, nadir_conv2d_add(graph, "second", y, Cnn::kSecond, 3, "padding=1"));
  y = nadir_max_pool2d(graph, y, 2, nullptr);
  y = nadir_linear_add(graph, "third", nadir_flatten(graph, y, 1, -1), Cnn::kClasses, nullptr);
  return nadir_cross_entropy_loss(graph, y, t, NADIR_NONE, nullptr);
}

class CnnTask : public Training<CnnTask> {
 public:
  CnnTask() {
    x_ = model_.input("x", NADIR_F32, {NADIR_BATCH, 1, Cnn::kSide, Cnn::kSide});
    t_ = model_.input("t", NADIR_I32, {NADIR_BATCH});
    model_.compile(cnn_loss(model_.graph, x_, t_), {}, Cnn::kBatch);
    reset();
    model_.optimize(Rule::kAdam, Cnn::kRate);
  }
  void reset() override { model_.set(cnn_.initial); }
  void step() { step(nullptr); }
  double loss_of_step() {
    double loss;
    step(&loss);
    return loss;
  }

 private:
  void step(double* loss) {
    model_.bind(x_, cnn_.x);
    model_.bind(t_, cnn_.t);
    model_.good(nadir_train_step(model_.optimizer, loss));
  }
  Cnn cnn_;
  Model model_;
  nadir_node x_, t_;
};

// A session of it is made and freed.
class CnnCompilation : public Steps<CnnCompilation> {
 public:
  CnnCompilation() {
    const nadir_node x = model_.input("x", NADIR_F32, {NADIR_BATCH, 1, Cnn::kSide, Cnn::kSide});
    loss_ = cnn_loss(model_.graph, x, model_.input("t", NADIR_I32, {NADIR_BATCH}));
  }
  void step() {
    model_.compile(loss_, {}, Cnn::kBatch);
    steps_ = nadir_session_step_count(model_.session);
    nadir_session_free(model_.session);
    model_.session = nullptr;
  }
  // The steps of its plan.
  std::vector<double> check() override {
    step();
    return {static_cast<double>(steps_)};
  }

 private:
  Model model_;
  nadir_node loss_;
  std::int32_t steps_ = 0;
};

// ------------------------------------------------------------------------------------- parts: products, functions, layers

// A session that computes y from inputs that stay.
class Forward : public Steps<Forward> {
 public:
  void step() { model_.good(nadir_forward(model_.session)); }
  std::vector<double> check() override {
    step();
    const std::vector<float> y = model_.read(y_, count_);
    std::vector<double> sums;
    add_sums(sums, y.data(), y.size());
    return sums;
  }

 protected:
  Model model_;
  nadir_node y_;
  std::size_t count_;
};

class ProductTask : public Forward {
 public:
  explicit ProductTask(const Product& p) : a_values_(p.a()), b_values_(p.b()) {
    using Shape = std::vector<std::int64_t>;
    const nadir_node a = model_.input("a", NADIR_F32, p.transpose_a ? Shape{p.k, p.m} : Shape{p.m, p.k});
    const nadir_node b = model_.input("b", NADIR_F32, p.transpose_b ? Shape{p.n, p.k} : Shape{p.k, p.n});
    y_ = nadir_matmul(model_.graph, a, b, p.transpose_a ? "transpose_a=1" : p.transpose_b ? "transpose_b=1" : nullptr);
    count_ = static_cast<std::size_t>(p.m) * p.n;
    model_.compile(NADIR_NONE, {y_}, 1);
    model_.bind(a, a_values_);
    model_.bind(b, b_values_);
  }

 private:
  std::vector<float> a_values_, b_values_;
};

class ElementwiseTask : public Forward {
 public:
  explicit ElementwiseTask(const Elementwise& e) {
    const nadir_node x = model_.input("x", NADIR_F32, {e.rows, e.columns});
    const std::string function = e.function;
    nadir_graph* graph = model_.graph;
    y_ = function == "tanh"      ? nadir_tanh(graph, x)
         : function == "exp"     ? nadir_exp(graph, x)
         : function == "sigmoid" ? nadir_sigmoid(graph, x)
         : function == "relu"    ? nadir_relu(graph, x)
         : function == "sum"     ? nadir_sum(graph, x, nullptr, 0, nullptr)
                                 : nadir_softmax(graph, x, 1);
    count_ = function == "sum" ? 1 : kMillion;
    model_.compile(NADIR_NONE, {y_}, 1);
    model_.bind(x, x_values_);
  }

 private:
  std::vector<float> x_values_ = million();
};

// A rule's step alone, with the gradient 2 w / n of the mean square of w.
class RuleTask : public Steps<RuleTask> {
 public:
  explicit RuleTask(Rule rule) {
    const nadir_node w = model_.parameter("w", {kMillion});
    const nadir_node loss = nadir_mean(model_.graph, nadir_square(model_.graph, w), nullptr, 0, nullptr);
    model_.compile(loss, {}, 1);
    model_.set(million());
    model_.optimize(rule, kRuleRate);
    model_.good(nadir_forward(model_.session));
    model_.good(nadir_backward(model_.session));
  }
  void step() { model_.good(nadir_optimizer_step(model_.optimizer)); }
  std::vector<double> check() override {
    run(10);
    std::vector<float> w(kMillion);
    nadir_params_flat_get(model_.graph, NADIR_F32, w.data(), w.size() * sizeof(float));
    std::vector<double> sums;
    add_sums(sums, w.data(), w.size());
    return sums;
  }

 private:
  Model model_;
};

// A layer's two passes: x is a parameter too, for its gradient, and the loss is the sum of y * g, whose gradient to y is g.
class LayerTask : public Steps<LayerTask> {
 public:
  template <class Layer>
  LayerTask(const Layer& layer, std::vector<std::int64_t> shape,
            const std::function<nadir_node(nadir_graph*, nadir_node)>& add)
      : g_values_(layer.g) {
    x_ = model_.parameter("x", shape);
    const nadir_node y = add(model_.graph, x_);
    std::int64_t y_shape[NADIR_MAX_RANK];
    std::int32_t rank = 0;
    nadir_graph_node_shape(model_.graph, y, y_shape, NADIR_MAX_RANK, &rank);
    const nadir_node g = model_.input("g", NADIR_F32, std::vector<std::int64_t>(y_shape, y_shape + rank));
    loss_ = nadir_sum(model_.graph, nadir_mul(model_.graph, y, g), nullptr, 0, nullptr);
    model_.compile(loss_, {}, 1);
    std::vector<std::vector<float>> values = {layer.x};
    values.insert(values.end(), layer.initial.begin(), layer.initial.end());
    model_.set(values);
    model_.bind(g, g_values_);
  }
  void step() {
    model_.good(nadir_zero_grad(model_.session));
    model_.good(nadir_forward(model_.session));
    model_.good(nadir_backward(model_.session));
  }
  // Sums of the gradients of x and of each parameter.
  std::vector<double> check() override {
    step();
    std::vector<double> sums;
    for (std::int32_t i = 0; i < nadir_param_count(model_.graph); ++i) {
      const nadir_node parameter = nadir_param_at(model_.graph, i);
      std::int64_t shape[NADIR_MAX_RANK];
      std::int32_t rank = 0;
      nadir_graph_node_shape(model_.graph, parameter, shape, NADIR_MAX_RANK, &rank);
      std::size_t count = 1;
      for (std::int32_t axis = 0; axis < rank; ++axis) count *= static_cast<std::size_t>(shape[axis]);
      std::vector<float> gradient(count);
      model_.good(nadir_grad_get(model_.session, parameter, gradient.data(), count * sizeof(float)));
      add_sums(sums, gradient.data(), count);
    }
    return sums;
  }

 private:
  std::vector<float> g_values_;
  Model model_;
  nadir_node x_, loss_;
};

std::unique_ptr<Task> lstm() {
  return std::make_unique<LayerTask>(Lstm(), std::vector<std::int64_t>{Lstm::kLength, Lstm::kBatch, Lstm::kIn},
                                     [](nadir_graph* graph, nadir_node x) {
                                       return nadir_lstm_add(graph, "lstm", x, NADIR_NONE, NADIR_NONE, NADIR_NONE,
                                                             Lstm::kHidden, nullptr, nullptr, nullptr);
                                     });
}

std::unique_ptr<Task> attention() {
  return std::make_unique<LayerTask>(
      Attention(), std::vector<std::int64_t>{Attention::kLength, Attention::kBatch, Attention::kWidth},
      [](nadir_graph* graph, nadir_node x) {
        return nadir_multi_head_attention_add(graph, "attention", x, x, x, NADIR_NONE, NADIR_NONE, Attention::kHeads,
                                              "is_causal=1", nullptr);
      });
}

std::unique_ptr<Task> layer_norm() {
  return std::make_unique<LayerTask>(
      LayerNorm(), std::vector<std::int64_t>{LayerNorm::kRows, LayerNorm::kColumns},
      [](nadir_graph* graph, nadir_node x) { return nadir_layer_norm_add(graph, "norm", x, 1, nullptr); });
}

std::unique_ptr<Task> batch_norm() {
  using Layer = BatchNorm;
  return std::make_unique<LayerTask>(
      Layer(), std::vector<std::int64_t>{Layer::kBatch, Layer::kChannels, Layer::kSide, Layer::kSide},
      [](nadir_graph* graph, nadir_node x) { return nadir_batch_norm_add(graph, "norm", x, nullptr); });
}

template <class T, class... Arguments>
Entry entry(const std::string& job, const std::string& candidate, Arguments... arguments) {
  return {job, candidate, [=] { return std::make_unique<T>(arguments...); }};
}

}  // namespace

// A worker; or, with a job for an argument, its profile.
int main(int count, char** arguments) {
  // On several threads, told by the environment, what is large enough for them and what is too small to be slowed by them.
  if (const char* name = std::getenv("BENCH_CANDIDATE")) {
    return serve("", {entry<LineTask>(Line::kJob, name), entry<MlpTask>(kXor.job, name, kXor),
                      entry<CnnTask>(Cnn::kJob, name), entry<MlpTask>(kWide.job, name, kWide)});
  }
  std::vector<Entry> entries = {entry<LineTask>(Line::kJob, "nadir"), entry<CnnTask>(Cnn::kJob, "nadir")};
  for (const Mlp& mlp : trained()) entries.push_back(entry<MlpTask>(mlp.job, "nadir", mlp));
  entries.push_back(entry<LineSteps>(Line::kJob, "nadir-steps"));
  entries.push_back(entry<MlpSteps>(kXor.job, "nadir-steps", kXor));
  for (const Mlp& mlp : predicting()) entries.push_back(entry<Prediction>(mlp.job, "nadir", mlp));
  for (const Product& product : products()) entries.push_back(entry<ProductTask>(product.job, "nadir", product));
  for (const Elementwise& function : kElementwise)
    entries.push_back(entry<ElementwiseTask>(function.job(), "nadir", function));
  entries.push_back(entry<RuleTask>(kRuleJobs[0], "nadir", Rule::kAdam));
  entries.push_back(entry<RuleTask>(kRuleJobs[1], "nadir", Rule::kSgd));
  entries.push_back(entry<CnnCompilation>(Cnn::kCompilationJob, "nadir"));
  entries.push_back({Lstm::kJob, "nadir", lstm});
  entries.push_back({Attention::kJob, "nadir", attention});
  entries.push_back({LayerNorm::kJob, "nadir", layer_norm});
  entries.push_back({BatchNorm::kJob, "nadir", batch_norm});
  if (count > 1) return profile({arguments + 1, arguments + count}, entries, [] { return Model::last; });
  return serve(std::string("Nadir ") + nadir_version_string() + ", kernels " + nadir_isa(), entries);
}
