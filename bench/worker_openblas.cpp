// OpenBLAS's candidates: networks in plain C around it (with_openblas.c), and its sgemm alone.
#include <cblas.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "problems.h"
#include "with_openblas.h"
#include "worker.h"

namespace {

using namespace bench;

// All arrays start at cache lines, as a careful programmer has them.
class Arena {
 public:
  float* take(std::size_t count) {
    blocks_.emplace_back(static_cast<float*>(std::aligned_alloc(64, (count * sizeof(float) + 63) / 64 * 64)),
                         std::free);
    std::fill_n(blocks_.back().get(), count, 0.0f);
    return blocks_.back().get();
  }
  float* take(const std::vector<float>& values) {
    float* copy = take(values.size());
    std::copy(values.begin(), values.end(), copy);
    return copy;
  }

 private:
  std::vector<std::unique_ptr<float, void (*)(void*)>> blocks_;
};

class MlpTask : public Training<MlpTask> {
 public:
  explicit MlpTask(const Mlp& mlp) : mlp_(mlp) {
    net_.layers = mlp.layers();
    net_.batch = mlp.batch;
    net_.count = static_cast<int>(initial_.size());
    net_.parameters = arena_.take(initial_);
    net_.gradients = arena_.take(initial_.size());
    net_.m = arena_.take(initial_.size());
    net_.v = arena_.take(initial_.size());
    for (int l = 0; l <= mlp.layers(); ++l) {
      const std::size_t count = static_cast<std::size_t>(mlp.batch) * mlp.widths[l];
      net_.widths[l] = mlp.widths[l];
      net_.values[l] = l == 0 ? arena_.take(mlp.x()) : arena_.take(count);
      net_.deltas[l] = arena_.take(count);
    }
  }
  void reset() override { std::copy(initial_.begin(), initial_.end(), net_.parameters); }
  void step() { loss_of_step(); }
  double loss_of_step() {
    const float loss =
        mlp_.has_labels() ? mlp_cross_entropy(&net_, classes_.data()) : mlp_square(&net_, targets_.data());
    (mlp_.rule == Rule::kSgd ? mlp_sgd : mlp_adam)(&net_, mlp_.rate);
    return loss;
  }

 private:
  const Mlp mlp_;
  const std::vector<float> initial_ = mlp_.initial();
  const std::vector<float> targets_ = mlp_.has_labels() ? std::vector<float>() : mlp_.t();
  const std::vector<std::int32_t> classes_ = mlp_.classes();
  Arena arena_;
  mlp net_ = {};
};

class ProductTask : public Steps<ProductTask> {
 public:
  explicit ProductTask(const Product& product) : p_(product) {
    a_ = arena_.take(p_.a());
    b_ = arena_.take(p_.b());
    c_ = arena_.take(static_cast<std::size_t>(p_.m) * p_.n);
  }
  void step() {
    cblas_sgemm(CblasRowMajor, p_.transpose_a ? CblasTrans : CblasNoTrans, p_.transpose_b ? CblasTrans : CblasNoTrans,
                p_.m, p_.n, p_.k, 1, a_, p_.transpose_a ? p_.m : p_.k, b_, p_.transpose_b ? p_.k : p_.n, 0, c_, p_.n);
  }
  std::vector<double> check() override {
    step();
    std::vector<double> sums;
    add_sums(sums, c_, static_cast<std::size_t>(p_.m) * p_.n);
    return sums;
  }

 private:
  const Product p_;
  Arena arena_;
  float *a_, *b_, *c_;
};

}  // namespace

int main() {
  openblas_set_num_threads(1);
  std::vector<Entry> entries;
  for (const Mlp& mlp : trained()) {
    if (mlp.job == std::string(kXor.job)) continue;
    entries.push_back({mlp.job, "c-openblas", [mlp] { return std::make_unique<MlpTask>(mlp); }});
  }
  for (const Product& product : products())
    entries.push_back({product.job, "openblas", [product] { return std::make_unique<ProductTask>(product); }});
  return serve(std::string(openblas_get_config()) + ", kernels " + openblas_get_corename(), entries);
}
