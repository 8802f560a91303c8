// What every candidate of the comparison is given: the shapes of the jobs, and the same initial weights and data.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

// Numbers in [low, high) by a generator that any library's program can repeat (Marsaglia's xorshift, 2003).
inline std::vector<float> uniform(std::size_t count, float low, float high, std::uint64_t seed) {
  std::uint64_t state = seed * 0x9E3779B97F4A7C15u + 0x2545F4914F6CDD1Du;
  std::vector<float> numbers(count);
  for (float& number : numbers) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    number = low + (high - low) * static_cast<float>(state >> 40) * 0x1p-24f;
  }
  return numbers;
}

// Weights as layers start: uniform in ±1 / sqrt(fan_in).
inline std::vector<float> weights(std::size_t count, std::size_t fan_in, std::uint64_t seed) {
  const float bound = 1 / std::sqrt(static_cast<float>(fan_in));
  return uniform(count, -bound, bound, seed);
}

inline std::vector<std::int32_t> labels(std::size_t count, int classes) {
  std::vector<std::int32_t> numbers;
  for (float x : uniform(count, 0, static_cast<float>(classes), 99)) numbers.push_back(static_cast<std::int32_t>(x));
  return numbers;
}

// ------------------------------------------------------------------------------------------------------------- a line

// y = w x + b from points beside a line, one after the other, so that the loss never becomes 0.
struct Line {
  static constexpr const char* kJob = "J1";
  static constexpr int kSamples = 16;  // a power of two
  static constexpr float kRate = 0.01f;
  static constexpr float kW = 1, kB = 1;  // at first
  std::vector<float> x = uniform(kSamples, -1, 1, 1);
  std::vector<float> t = uniform(kSamples, -1, 1, 2);
  Line() {
    for (int i = 0; i < kSamples; ++i) t[i] = 3 * x[i] + 2 + 0.5f * t[i];
  }
};

// --------------------------------------------------------------------------------------------- multi-layer perceptrons

enum class Hidden { kTanh, kRelu };
// The squared error of the last layer's results, or of their sigmoids; or the cross-entropy of their softmax.
enum class Loss { kSquare, kSquareOfSigmoid, kCrossEntropy };
enum class Rule { kSgd, kAdam };

struct Mlp {
  const char* job;
  std::vector<int> widths;
  Hidden hidden;
  Loss loss;
  Rule rule;
  float rate;
  int batch;

  int layers() const { return static_cast<int>(widths.size()) - 1; }
  int inputs() const { return widths.front(); }
  int outputs() const { return widths.back(); }
  bool has_labels() const { return loss == Loss::kCrossEntropy; }

  // weight [out, in] and bias [out] of each layer, one after the other.
  std::vector<float> initial() const {
    std::vector<float> all;
    for (int l = 0; l < layers(); ++l) {
      const std::size_t in = widths[l], out = widths[l + 1];
      for (float x : weights(in * out, in, 2 * l + 1)) all.push_back(x);
      for (float x : weights(out, in, 2 * l + 2)) all.push_back(x);
    }
    return all;
  }
  std::vector<float> x() const {
    if (loss == Loss::kSquareOfSigmoid) return {0, 0, 0, 1, 1, 0, 1, 1};
    return uniform(static_cast<std::size_t>(batch) * inputs(), 0, 1, 11);
  }
  // Targets [batch, outputs] of the squared error.
  std::vector<float> t() const {
    if (loss == Loss::kSquareOfSigmoid) return {0, 1, 1, 0};
    return uniform(static_cast<std::size_t>(batch) * outputs(), -1, 1, 12);
  }
  std::vector<std::int32_t> classes() const { return labels(batch, outputs()); }
};

inline const Mlp kXor = {"J2", {2, 16, 1}, Hidden::kTanh, Loss::kSquareOfSigmoid, Rule::kSgd, 0.5f, 4};
inline const Mlp kTable = {"J3", {13, 32, 32, 32, 1}, Hidden::kRelu, Loss::kSquare, Rule::kAdam, 1e-3f, 379};
inline Mlp digits(const char* job, Rule rule, int batch) {
  return {job, {784, 128, 10}, Hidden::kRelu, Loss::kCrossEntropy, rule, rule == Rule::kSgd ? 0.05f : 1e-3f, batch};
}
inline const Mlp kDigits[] = {digits("J4-sgd-32", Rule::kSgd, 32), digits("J4-sgd-128", Rule::kSgd, 128),
                              digits("J4-adam-32", Rule::kAdam, 32), digits("J4-adam-128", Rule::kAdam, 128)};
inline const Mlp kWide = {"J6", {1024, 1024, 1024, 10}, Hidden::kRelu, Loss::kCrossEntropy, Rule::kSgd, 0.05f, 128};

// Those that are trained.
inline std::vector<Mlp> trained() {
  std::vector<Mlp> all = {kXor, kTable};
  for (const Mlp& mlp : kDigits) all.push_back(mlp);
  all.push_back(kWide);
  return all;
}

// Those that only predict, one row at a time.
inline std::vector<Mlp> predicting() {
  Mlp small = kXor, large = kDigits[0];
  small.job = "J9-small";
  large.job = "J9-large";
  small.batch = large.batch = 1;
  return {small, large};
}
// Their row: that of the trained network would be all zeros in the small one.
inline std::vector<float> row(const Mlp& mlp) { return uniform(mlp.inputs(), 0, 1, 13); }

// ----------------------------------------------------------------------------------------------- a convolutional network

// conv 3×3×8, ReLU, max-pool 2, conv 3×3×16, ReLU, max-pool 2, dense 10 on images of 28×28, by Adam.
struct Cnn {
  static constexpr const char* kJob = "J5";
  static constexpr const char* kCompilationJob = "J5-compilation";
  static constexpr int kBatch = 32, kSide = 28, kFirst = 8, kSecond = 16, kClasses = 10;
  static constexpr int kFlat = kSecond * (kSide / 4) * (kSide / 4);
  static constexpr float kRate = 1e-3f;

  std::vector<float> x = uniform(kBatch * kSide * kSide, 0, 1, 21);
  std::vector<std::int32_t> t = labels(kBatch, kClasses);
  // weight and bias of each layer
  std::vector<std::vector<float>> initial = {weights(kFirst * 9, 9, 1),
                                             weights(kFirst, 9, 2),
                                             weights(kSecond* kFirst * 9, kFirst * 9, 3),
                                             weights(kSecond, kFirst * 9, 4),
                                             weights(kClasses* kFlat, kFlat, 5),
                                             weights(kClasses, kFlat, 6)};
};

// ----------------------------------------------------------------------------------------------------- matrix products

// c [m, n] = op(a) [m, k] · op(b) [k, n]
struct Product {
  std::string job;
  bool transpose_a, transpose_b;
  int m, n, k;
  std::vector<float> a() const { return uniform(static_cast<std::size_t>(m) * k, -1, 1, 31); }
  std::vector<float> b() const { return uniform(static_cast<std::size_t>(k) * n, -1, 1, 32); }
};

inline std::vector<Product> products() {
  constexpr int kShapes[][3] = {{16, 16, 16},      {32, 32, 32},    {64, 64, 64},       {128, 128, 128},
                                {256, 256, 256},   {512, 512, 512}, {1024, 1024, 1024}, {32, 128, 784},
                                {128, 1024, 1024}, {32, 10, 128},   {10000, 16, 32}};
  std::vector<Product> all;
  for (const auto& [m, n, k] : kShapes) {
    for (const char* kind : {"nn", "tn", "nt"}) {
      all.push_back(
          {std::string("gemm-") + kind + "-" + std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k),
           kind[0] == 't', kind[1] == 't', m, n, k});
    }
  }
  return all;
}

// --------------------------------------------------------------------------------------------- elementwise, and layers

constexpr int kMillion = 1000000;
inline std::vector<float> million() { return uniform(kMillion, -4, 4, 41); }

// A function of a million floats, in this shape.
struct Elementwise {
  const char* function;
  int rows, columns;
  std::string job() const {
    std::string name = std::string("elementwise-") + function;
    if (rows > 1) name += "-" + std::to_string(rows) + "x" + std::to_string(columns);
    return name;
  }
};
inline const Elementwise kElementwise[] = {
    {"tanh", 1, kMillion}, {"exp", 1, kMillion},    {"sigmoid", 1, kMillion}, {"relu", 1, kMillion},
    {"sum", 1, kMillion},  {"softmax", 1000, 1000}, {"softmax", 100000, 10},
};
// A step of a rule over a million parameters with a gradient that stays.
constexpr const char* kRuleJobs[] = {"elementwise-adam", "elementwise-sgd"};
constexpr float kRuleRate = 1e-6f;

// A layer's forward and backward pass, to its x and its parameters, from the gradient g of its y.
struct Lstm {
  static constexpr const char* kJob = "lstm";
  static constexpr int kLength = 64, kBatch = 32, kIn = 128, kHidden = 128;
  std::vector<float> x = uniform(kLength * kBatch * kIn, -1, 1, 51);
  std::vector<float> g = uniform(kLength * kBatch * kHidden, -1, 1, 52);
  std::vector<std::vector<float>> initial = {weights(4 * kHidden * kIn, kHidden, 1),
                                             weights(4 * kHidden * kHidden, kHidden, 2),
                                             weights(4 * kHidden, kHidden, 3), weights(4 * kHidden, kHidden, 4)};
};

struct Attention {
  static constexpr const char* kJob = "attention";
  static constexpr int kLength = 128, kBatch = 8, kHeads = 4, kWidth = 4 * 32;
  std::vector<float> x = uniform(kLength * kBatch * kWidth, -1, 1, 61);
  std::vector<float> g = uniform(kLength * kBatch * kWidth, -1, 1, 62);
  // in_proj_weight, in_proj_bias, out_proj.weight, out_proj.bias
  std::vector<std::vector<float>> initial = {weights(3 * kWidth * kWidth, kWidth, 1), weights(3 * kWidth, kWidth, 2),
                                             weights(kWidth* kWidth, kWidth, 3), weights(kWidth, kWidth, 4)};
};

struct LayerNorm {
  static constexpr const char* kJob = "layer_norm";
  static constexpr int kRows = 1024, kColumns = 512;
  std::vector<float> x = uniform(kRows * kColumns, -1, 1, 71);
  std::vector<float> g = uniform(kRows * kColumns, -1, 1, 72);
  std::vector<std::vector<float>> initial = {uniform(kColumns, 0.5f, 1.5f, 1), uniform(kColumns, -1, 1, 2)};
};

struct BatchNorm {
  static constexpr const char* kJob = "batch_norm";
  static constexpr int kBatch = 256, kChannels = 32, kSide = 14;
  std::vector<float> x = uniform(kBatch * kChannels * kSide * kSide, -1, 1, 81);
  std::vector<float> g = uniform(kBatch * kChannels * kSide * kSide, -1, 1, 82);
  std::vector<std::vector<float>> initial = {uniform(kChannels, 0.5f, 1.5f, 1), uniform(kChannels, -1, 1, 2)};
};

}  // namespace bench
