// KANN's candidates: graphs of dense layers. It has no gradient descent but RMSprop, and no Adam; so the step over its gradients is
// a loop here, as its users write one.
#include <algorithm>

#include "problems.h"
#include "worker.h"

// After all others: in strict C++ it takes the word `inline` away.
#include <kann.h>

namespace {

using namespace bench;

class Net {
 public:
  explicit Net(const Mlp& mlp) {
    kad_node_t* y = kann_layer_input(mlp.inputs());
    for (int l = 0; l < mlp.layers(); ++l) {
      parameters_.push_back(kann_new_weight(mlp.widths[l + 1], mlp.widths[l]));
      parameters_.push_back(kann_new_bias(mlp.widths[l + 1]));
      y = kad_add(kad_cmul(y, parameters_[2 * l]), parameters_[2 * l + 1]);
      if (l + 1 < mlp.layers()) y = mlp.hidden == Hidden::kTanh ? kad_tanh(y) : kad_relu(y);
    }
    kad_node_t* truth = kad_feed(2, 1, mlp.outputs());
    truth->ext_flag |= KANN_F_TRUTH;
    // Its cross-entropy is of probabilities.
    if (mlp.has_labels()) y = kad_softmax(y);
    if (mlp.loss == Loss::kSquareOfSigmoid) y = kad_sigm(y);
    y->ext_flag |= KANN_F_OUT;
    ann = kann_new(mlp.has_labels() ? kad_ce_multi(y, truth) : kad_mse(y, truth), 0);
    kann_set_batch_size(ann, mlp.batch);
    kann_switch(ann, 1);
  }
  Net(const Net&) = delete;
  ~Net() { kann_delete(ann); }

  void set(const std::vector<float>& values) {
    const float* from = values.data();
    for (kad_node_t* parameter : parameters_) {
      std::copy_n(from, kad_len(parameter), parameter->x);
      from += kad_len(parameter);
    }
  }
  void bind(float* x, float* t) {
    kann_feed_bind(ann, KANN_F_IN, 0, &x);
    kann_feed_bind(ann, KANN_F_TRUTH, 0, &t);
  }
  float step(float rate) {
    const float loss = kann_cost(ann, 0, 1);
    const int count = kann_size_var(ann);
    for (int i = 0; i < count; ++i) ann->x[i] -= rate * ann->g[i];
    return loss;
  }

  kann_t* ann;

 private:
  std::vector<kad_node_t*> parameters_;
};

class MlpTask : public Training<MlpTask> {
 public:
  explicit MlpTask(const Mlp& mlp) : mlp_(mlp) {
    if (mlp.has_labels()) {
      const std::vector<std::int32_t> classes = mlp.classes();
      t_.assign(static_cast<std::size_t>(mlp.batch) * mlp.outputs(), 0);
      for (int r = 0; r < mlp.batch; ++r) t_[r * mlp.outputs() + classes[r]] = 1;
    } else {
      t_ = mlp.t();
    }
    net_.bind(x_.data(), t_.data());
    reset();
  }
  void reset() override { net_.set(initial_); }
  void step() { loss_of_step(); }
  double loss_of_step() { return net_.step(mlp_.rate); }

 private:
  const Mlp mlp_;
  const std::vector<float> initial_ = mlp_.initial();
  std::vector<float> x_ = mlp_.x(), t_;
  Net net_{mlp_};
};

class LineTask : public Training<LineTask> {
 public:
  LineTask() { reset(); }
  void reset() override { net_.set({Line::kW, Line::kB}); }
  void step() { loss_of_step(); }
  double loss_of_step() {
    net_.bind(&line_.x[sample_], &line_.t[sample_]);
    sample_ = (sample_ + 1) % Line::kSamples;
    return net_.step(Line::kRate);
  }

 private:
  Line line_;
  Net net_{{Line::kJob, {1, 1}, Hidden::kRelu, Loss::kSquare, Rule::kSgd, Line::kRate, 1}};
  int sample_ = 0;
};

// The large network's results are probabilities, so that its sums are those of no other: it is left out.
class Prediction : public Steps<Prediction> {
 public:
  explicit Prediction(const Mlp& mlp) : x_(row(mlp)), net_(mlp), outputs_(mlp.outputs()) {
    net_.set(mlp.initial());
    kann_switch(net_.ann, 0);
  }
  void step() { y_ = kann_apply1(net_.ann, x_.data()); }
  std::vector<double> check() override {
    step();
    std::vector<double> sums;
    add_sums(sums, y_, static_cast<std::size_t>(outputs_));
    return sums;
  }

 private:
  std::vector<float> x_;
  Net net_;
  int outputs_;
  const float* y_;
};

}  // namespace

int main() {
  std::vector<Entry> entries = {
      {Line::kJob, "kann", [] { return std::make_unique<LineTask>(); }},
      {"J9-small", "kann", [] { return std::make_unique<Prediction>(predicting()[0]); }},
  };
  for (const Mlp& mlp : trained()) {
    if (mlp.rule == Rule::kSgd) entries.push_back({mlp.job, "kann", [mlp] { return std::make_unique<MlpTask>(mlp); }});
  }
  return serve("KANN " KANN_VERSION BENCH_KANN_BLAS, entries);
}
