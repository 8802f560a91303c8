// The candidates that are written by hand in C: linear_fit_by_hand.c and by_hand.c.
#include <cstring>

#include "by_hand.h"
#include "linear_fit_by_hand.h"
#include "problems.h"
#include "worker.h"

namespace {

using namespace bench;

class LineTask : public Training<LineTask> {
 public:
  void reset() override { fit_ = {Line::kW, Line::kB, 0}; }
  void step() {
    line_step(&fit_, &line_.x[sample_], &line_.t[sample_], Line::kRate);
    sample_ = (sample_ + 1) % Line::kSamples;
  }
  double loss_of_step() {
    step();
    return fit_.loss;
  }

 private:
  Line line_;
  line fit_ = {Line::kW, Line::kB, 0};
  int sample_ = 0;
};

using XorStep = float (*)(xor_net*, const float (*)[xor_in], const float*, float);

template <XorStep make_step>
class XorTask : public Training<XorTask<make_step>> {
 public:
  XorTask() { reset(); }
  void reset() override { std::memcpy(&net_, initial_.data(), sizeof net_); }
  void step() { make_step(&net_, reinterpret_cast<const float(*)[xor_in]>(x_.data()), t_.data(), kXor.rate); }
  double loss_of_step() {
    return make_step(&net_, reinterpret_cast<const float(*)[xor_in]>(x_.data()), t_.data(), kXor.rate);
  }

 private:
  const std::vector<float> initial_ = kXor.initial(), x_ = kXor.x(), t_ = kXor.t();
  xor_net net_;
};

class SmallPrediction : public Steps<SmallPrediction> {
 public:
  SmallPrediction() { std::memcpy(&net_, kXor.initial().data(), sizeof net_); }
  void step() { y_ = xor_predict(&net_, x_.data()); }
  std::vector<double> check() override {
    step();
    std::vector<double> sums;
    add_sums(sums, &y_, 1);
    return sums;
  }

 private:
  const std::vector<float> x_ = row(kXor);
  xor_net net_;
  float y_;
};

class LargePrediction : public Steps<LargePrediction> {
 public:
  LargePrediction() { std::memcpy(net_.get(), kDigits[0].initial().data(), sizeof *net_); }
  void step() { digits_predict(net_.get(), x_.data(), y_); }
  std::vector<double> check() override {
    step();
    std::vector<double> sums;
    add_sums(sums, y_, digits_out);
    return sums;
  }

 private:
  const std::vector<float> x_ = row(kDigits[0]);
  const std::unique_ptr<digits_net> net_ = std::make_unique<digits_net>();
  float y_[digits_out];
};

}  // namespace

int main() {
  return serve("C by " BENCH_COMPILER ", -O3 -march=native -fno-math-errno",
               {{Line::kJob, "c", [] { return std::make_unique<LineTask>(); }},
                {kXor.job, "c", [] { return std::make_unique<XorTask<xor_step>>(); }},
                {kXor.job, "c-fast", [] { return std::make_unique<XorTask<xor_step_fast>>(); }},
                {"J9-small", "c", [] { return std::make_unique<SmallPrediction>(); }},
                {"J9-large", "c", [] { return std::make_unique<LargePrediction>(); }}});
}
