// What each operation costs: nanoseconds an element of a forward pass that has this one operation, beside a copy by memcpy
// that reads and writes as many bytes in all. The two are interleaved in one run; what counts is their ratio, since machines
// drift. The rows of elementwise operations are made from the list of operations, those of the others stand below.
//
//   operations              all rows
//   operations sum pad      the rows whose names begin with one of these words
//   operations --backward   zero_grad, forward and backward of sum(y * w) instead, w given as the inputs are
#include <benchmark/benchmark.h>
#include <nadir/nadir.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <deque>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

// ------------------------------------------------------------------------------------------------- an operation to run

using Shape = std::vector<int64_t>;

struct alignas(64) CacheLine {
  std::byte bytes[64];
};
using Memory = std::vector<CacheLine>;

Memory memory_of(size_t bytes) { return Memory(bytes / sizeof(CacheLine) + 1); }

// A graph for one operation, whose builder takes its operands from here, and its session. A vector has n elements, a matrix
// n in rows of 100. Floats are between 0.05 and 0.95, where every function is defined.
class Bench {
 public:
  Bench(int64_t count, bool backward) : n(count), backward_(backward) {}
  Bench(const Bench&) = delete;
  ~Bench() {
    nadir_session_free(session_);
    nadir_graph_free(graph);
  }

  nadir_node floats(const Shape& shape) {
    return leaf(NADIR_F32, shape, backward_, [this] { return unit(); });
  }
  nadir_node vector() { return floats({n}); }
  nadir_node matrix(int64_t columns = 100) { return floats({n / 100, columns}); }
  nadir_node mask(const Shape& shape, double probability = 0.5) {
    return leaf(NADIR_U8, shape, false,
                [=, this] { return uint8_t(std::bernoulli_distribution(probability)(random_)); });
  }
  nadir_node indices(const Shape& shape, int64_t below) {
    return leaf(NADIR_I64, shape, false, [this, below] { return int64_t(random_()) % below; });
  }

  bool has_gradient(nadir_node y) const {
    return nadir_graph_node_dtype(graph, y) == NADIR_F32 && nadir_param_count(graph) > 0;
  }
  // Makes the session and runs it once; false if it cannot.
  bool compile(nadir_node y) {
    moved_ = bytes_of(y);
    for (const Leaf& leaf : leaves_) moved_ += leaf.bytes;
    nadir_node loss = NADIR_NONE;
    if (backward_) {
      moved_ *= 2;
      const nadir_node w = leaf(NADIR_F32, shape_of(y), false, [this] { return unit(); });
      loss = nadir_sum(graph, nadir_mul(graph, y, w), nullptr, 0, nullptr);
    }
    session_ = nadir_session_new(graph, loss, &y, backward_ ? 0 : 1, 1, nullptr);
    if (session_ == nullptr) return false;
    nadir_session_set_training(session_, 1);  // Otherwise random numbers are their means.
    for (const Leaf& leaf : leaves_) {
      if (leaf.is_parameter) {
        nadir_param_set(graph, leaf.node, leaf.memory.data(), leaf.bytes);
      } else {
        nadir_session_bind(session_, leaf.node, leaf.memory.data(), leaf.bytes);
      }
    }
    return run() == NADIR_OK;
  }
  nadir_status run() const {
    if (!backward_) return nadir_forward(session_);
    nadir_zero_grad(session_);
    const nadir_status status = nadir_forward(session_);
    return status == NADIR_OK ? nadir_backward(session_) : status;
  }
  // What goes from and to memory, in bytes: the operands and the result, with their gradients if there are any.
  size_t moved() const { return moved_; }
  const char* error() const { return session_ ? nadir_session_error(session_) : nadir_graph_error(graph); }

  nadir_graph* const graph = nadir_graph_new(nullptr);
  const int64_t n;

 private:
  struct Leaf {
    nadir_node node;
    bool is_parameter;
    size_t bytes;
    Memory memory;
  };

  template <class Value>
  nadir_node leaf(nadir_dtype dtype, const Shape& shape, bool is_parameter, Value value) {
    const auto rank = static_cast<int32_t>(shape.size());
    const nadir_node node = is_parameter ? nadir_param_add(graph, nullptr, dtype, shape.data(), rank, nullptr)
                                         : nadir_input_add(graph, nullptr, dtype, shape.data(), rank);
    const size_t bytes = bytes_of(node);
    leaves_.push_back({node, is_parameter, bytes, memory_of(bytes)});
    using Element = decltype(value());
    std::generate_n(reinterpret_cast<Element*>(leaves_.back().memory.data()), bytes / sizeof(Element), value);
    return node;
  }
  float unit() { return std::uniform_real_distribution<float>(0.05f, 0.95f)(random_); }
  Shape shape_of(nadir_node node) const {
    int64_t lengths[NADIR_MAX_RANK];
    int32_t rank = 0;
    nadir_graph_node_shape(graph, node, lengths, NADIR_MAX_RANK, &rank);
    return Shape(lengths, lengths + rank);
  }
  size_t bytes_of(nadir_node node) const {
    size_t bytes = nadir_dtype_size(nadir_graph_node_dtype(graph, node));
    for (const int64_t length : shape_of(node)) bytes *= static_cast<size_t>(length);
    return bytes;
  }

  const bool backward_;
  nadir_session* session_ = nullptr;
  std::deque<Leaf> leaves_;
  size_t moved_ = 0;
  std::minstd_rand random_;
};

// ------------------------------------------------------------------------------------------------------------ the rows

using Axes = std::vector<int32_t>;
using Nodes = std::vector<nadir_node>;

struct Row {
  std::string name;  // the operation's, and perhaps more after a comma
  std::function<nadir_node(Bench&, nadir_graph*)> build;
  double operations;  // of a product, which is measured by them and not by the element; else 0
};

// A row of an expression of the bench b and its graph g.
#define ROW(name, ...) PRODUCT(0, name, __VA_ARGS__)
#define PRODUCT(operations, name, ...) \
  rows.push_back({name, [=](Bench& b, nadir_graph* g) -> nadir_node { return __VA_ARGS__; }, operations})

// The elementwise functions of the C API, by what they take besides the graph.
using G = nadir_graph*;
using N = nadir_node;
N apply(N (*f)(G, N), G g, Bench& b) { return f(g, b.vector()); }
N apply(N (*f)(G, N, N), G g, Bench& b) { return f(g, b.vector(), b.vector()); }
N apply(N (*f)(G, N, double), G g, Bench& b) { return f(g, b.vector(), 0.7); }
N apply(N (*f)(G, double, N), G g, Bench& b) { return f(g, 0.7, b.vector()); }
N apply(N (*f)(G, N, double, double), G g, Bench& b) { return f(g, b.vector(), 0.3, 0.7); }
N apply(N (*f)(G, N, const char*), G g, Bench& b) { return f(g, b.vector(), nullptr); }

void add_elementwise(std::vector<Row>& rows) {
#define UNARY(name) ROW(#name, apply(nadir_##name, g, b));
#define SCALED(name) UNARY(name)
#define BINARY(name) UNARY(name)
#define TEST(name) UNARY(name)
#define COMPARE(name) UNARY(name)
#define LOGICAL(name) ROW(#name, nadir_##name(g, b.mask({b.n}), b.mask({b.n})));
#include "ops/registry.def"
  ROW("add, a row", nadir_add(g, b.matrix(), b.floats({100})));
  ROW("add, a column", nadir_add(g, b.matrix(), b.matrix(1)));
  ROW("add, a number", nadir_add(g, b.vector(), b.floats({})));
  ROW("add, permuted", nadir_add(g, b.matrix(), nadir_permute(g, b.floats({100, b.n / 100}), Axes{1, 0}.data(), 2)));
  ROW("add, sliced", nadir_add(g, b.matrix(), nadir_slice(g, b.matrix(120), 1, 10, 110, 1)));
  ROW("scalar_sub", nadir_scalar_sub(g, 0.7, b.vector()));
  ROW("logical_not", nadir_logical_not(g, b.mask({b.n})));
  ROW("where", nadir_where(g, b.mask({b.n}), b.vector(), b.vector()));
  ROW("cast, f32 to f64", nadir_cast(g, b.vector(), NADIR_F64));
  ROW("cast, f32 to i32", nadir_cast(g, b.vector(), NADIR_I32));
  ROW("cast, u8 to f32", nadir_cast(g, b.mask({b.n}), NADIR_F32));
  ROW("stop_gradient", nadir_stop_gradient(g, b.vector()));
}

using Reduction = nadir_node (*)(nadir_graph*, nadir_node, const int32_t*, int32_t, const char*);

// Over everything, over the columns of each row, and over the rows of each column.
void add_reduction(std::vector<Row>& rows, const std::string& name, Reduction reduce, const char* options = nullptr) {
  const auto x = [=](Bench& b) {
    if (reduce != nadir_any && reduce != nadir_all) return b.matrix();
    return b.mask({b.n / 100, 100}, reduce == nadir_any ? 0 : 1);  // They have to see all of it.
  };
  ROW(name, reduce(g, x(b), nullptr, 0, options));
  ROW(name + ", axis 1", reduce(g, x(b), Axes{1}.data(), 1, options));
  ROW(name + ", axis 0", reduce(g, x(b), Axes{0}.data(), 1, options));
}

void add_reductions(std::vector<Row>& rows) {
  add_reduction(rows, "sum", nadir_sum);
  add_reduction(rows, "mean", nadir_mean);
  add_reduction(rows, "prod", nadir_prod);
  add_reduction(rows, "max", nadir_max);
  add_reduction(rows, "min", nadir_min);
  add_reduction(rows, "var", nadir_var);
  add_reduction(rows, "std", nadir_std);
  add_reduction(rows, "norm", nadir_norm);
  add_reduction(rows, "norm, p=1", nadir_norm, "p=1");
  add_reduction(rows, "norm, p=inf", nadir_norm, "p=inf");
  add_reduction(rows, "logsumexp", nadir_logsumexp);
  add_reduction(rows, "any", nadir_any);
  add_reduction(rows, "all", nadir_all);
  ROW("outer", nadir_outer(g, b.floats({b.n / 100}), b.floats({100})));
  ROW("dot", nadir_dot(g, b.vector(), b.vector()));
  ROW("mse_loss", nadir_mse_loss(g, b.vector(), b.vector(), nullptr));
  ROW("l1_loss", nadir_l1_loss(g, b.vector(), b.vector(), nullptr));
  ROW("huber_loss", nadir_huber_loss(g, b.vector(), b.vector(), nullptr));
  ROW("smooth_l1_loss", nadir_smooth_l1_loss(g, b.vector(), b.vector(), nullptr));
  ROW("hinge_loss", nadir_hinge_loss(g, b.vector(), b.vector(), nullptr));
  ROW("hinge_embedding_loss", nadir_hinge_embedding_loss(g, b.vector(), b.vector(), nullptr));
  ROW("kl_div_loss", nadir_kl_div_loss(g, b.vector(), b.vector(), nullptr));
  ROW("bce_loss", nadir_bce_loss(g, b.vector(), b.vector(), nullptr));
  ROW("bce_with_logits_loss", nadir_bce_with_logits_loss(g, b.vector(), b.vector(), NADIR_NONE, nullptr));
  ROW("cross_entropy_loss", nadir_cross_entropy_loss(g, b.matrix(), b.indices({b.n / 100}, 100), NADIR_NONE, nullptr));
  ROW("nll_loss", nadir_nll_loss(g, b.matrix(), b.indices({b.n / 100}, 100), NADIR_NONE, nullptr));
  ROW("cosine_embedding_loss", nadir_cosine_embedding_loss(g, b.matrix(), b.matrix(), b.floats({b.n / 100}), nullptr));
  ROW("triplet_margin_loss", nadir_triplet_margin_loss(g, b.matrix(), b.matrix(), b.matrix(), nullptr));
  for (const int32_t axis : {1, 0}) {
    const std::string along = ", axis " + std::to_string(axis);
    ROW("argmax" + along, nadir_argmax(g, b.matrix(), axis, nullptr));
    ROW("argmin" + along, nadir_argmin(g, b.matrix(), axis, nullptr));
    ROW("cumsum" + along, nadir_cumsum(g, b.matrix(), axis, nullptr));
    ROW("softmax" + along, nadir_softmax(g, b.matrix(), axis));
    ROW("log_softmax" + along, nadir_log_softmax(g, b.matrix(), axis));
  }
}

nadir_node added_pieces(nadir_graph* g, nadir_node x) {
  nadir_node pieces[2];
  nadir_split(g, x, 1, Shape{50, 50}.data(), 2, pieces);
  return nadir_add(g, pieces[0], pieces[1]);
}

void add_shapes(std::vector<Row>& rows) {
  ROW("full", nadir_full(g, NADIR_F32, Shape{b.n}.data(), 1, 0.5));
  ROW("broadcast_to, a row", nadir_broadcast_to(g, b.floats({100}), Shape{b.n / 100, 100}.data(), 2));
  ROW("broadcast_to, a column", nadir_broadcast_to(g, b.matrix(1), Shape{b.n / 100, 100}.data(), 2));
  ROW("reshape", nadir_reshape(g, b.matrix(), Shape{b.n}.data(), 1));
  ROW("flatten", nadir_flatten(g, b.matrix(), 0, 1));
  ROW("squeeze", nadir_squeeze(g, b.floats({b.n, 1}), nullptr, 0));
  ROW("unsqueeze", nadir_unsqueeze(g, b.vector(), 0));
  ROW("transpose", nadir_transpose(g, b.matrix(), 0, 1));
  ROW("permute, last stays", nadir_permute(g, b.floats({b.n / 100, 5, 20}), Axes{1, 0, 2}.data(), 3));
  ROW("permute, last first", nadir_permute(g, b.floats({b.n / 100, 5, 20}), Axes{2, 0, 1}.data(), 3));
  ROW("flip, axis 1", nadir_flip(g, b.matrix(), Axes{1}.data(), 1));
  ROW("flip, axis 0", nadir_flip(g, b.matrix(), Axes{0}.data(), 1));
  ROW("slice", nadir_slice(g, b.matrix(120), 1, 10, 110, 1));
  ROW("slice, each second", nadir_slice(g, b.matrix(200), 1, 0, NADIR_OPEN, 2));
  ROW("slice_set", nadir_slice_set(g, b.matrix(), 1, 25, 75, 1, b.matrix(50)));
  ROW("concat, axis 1", nadir_concat(g, Nodes{b.matrix(50), b.matrix(50)}.data(), 2, 1));
  ROW("concat, axis 0", nadir_concat(g, Nodes{b.floats({b.n / 2}), b.floats({b.n / 2})}.data(), 2, 0));
  ROW("stack, axis 2", nadir_stack(g, Nodes{b.matrix(50), b.matrix(50)}.data(), 2, 2));
  ROW("stack, axis 0", nadir_stack(g, Nodes{b.matrix(50), b.matrix(50)}.data(), 2, 0));
  ROW("split, and add", added_pieces(g, b.matrix()));
  ROW("pad", nadir_pad(g, b.matrix(), 1, 10, 10, nullptr));
  ROW("pad, reflect", nadir_pad(g, b.matrix(), 1, 10, 10, "mode=reflect"));
  ROW("pad, replicate", nadir_pad(g, b.matrix(), 1, 10, 10, "mode=replicate"));
  ROW("repeat", nadir_repeat(g, b.matrix(50), Shape{1, 2}.data(), 2));
  ROW("roll", nadir_roll(g, b.matrix(), 1, 10));
  ROW("tril", nadir_tril(g, b.floats({b.n / 100, 10, 10}), 0));
  ROW("triu", nadir_triu(g, b.floats({b.n / 100, 10, 10}), 0));
}

void add_indexed_and_random(std::vector<Row>& rows) {
  ROW("index_select, axis 1", nadir_index_select(g, b.matrix(), 1, b.indices({100}, 100)));
  ROW("index_select, axis 0", nadir_index_select(g, b.matrix(), 0, b.indices({b.n / 100}, b.n / 100)));
  ROW("index_add, axis 1", nadir_index_add(g, b.matrix(), 1, b.indices({100}, 100), b.matrix()));
  ROW("index_add, axis 0", nadir_index_add(g, b.matrix(), 0, b.indices({b.n / 100}, b.n / 100), b.matrix()));
  ROW("gather, axis 1", nadir_gather(g, b.matrix(), 1, b.indices({b.n / 100, 100}, 100)));
  ROW("gather, axis 0", nadir_gather(g, b.matrix(), 0, b.indices({b.n / 100, 100}, b.n / 100)));
  ROW("scatter_add, axis 1", nadir_scatter_add(g, b.matrix(), 1, b.indices({b.n / 100, 100}, 100), b.matrix()));
  ROW("scatter_add, axis 0", nadir_scatter_add(g, b.matrix(), 0, b.indices({b.n / 100, 100}, b.n / 100), b.matrix()));
  ROW("one_hot", nadir_one_hot(g, b.indices({b.n / 100}, 100), 100, NADIR_F32));
  ROW("uniform", nadir_uniform(g, NADIR_F32, Shape{b.n}.data(), 1, nullptr));
  ROW("normal", nadir_normal(g, NADIR_F32, Shape{b.n}.data(), 1, nullptr));
  ROW("bernoulli", nadir_bernoulli(g, NADIR_F32, Shape{b.n}.data(), 1, 0.5));
  ROW("dropout", nadir_dropout(g, b.vector(), 0.5));
}

void add_products(std::vector<Row>& rows) {
  struct Size {
    int64_t m, k, n;
  };
  for (const Size s :
       {Size{1, 256, 256}, {16, 16, 16}, {64, 64, 64}, {256, 256, 256}, {512, 512, 512}, {32, 784, 128}}) {
    const std::string size = ", " + std::to_string(s.m) + " x " + std::to_string(s.k) + " x " + std::to_string(s.n);
    const double operations = 2.0 * double(s.m * s.k * s.n);
    PRODUCT(operations, "matmul" + size, nadir_matmul(g, b.floats({s.m, s.k}), b.floats({s.k, s.n}), nullptr));
    PRODUCT(operations, "linear" + size, nadir_linear_add(g, nullptr, b.floats({s.m, s.k}), s.n, nullptr));
  }
  PRODUCT(2.0 * 16 * 64 * 64 * 64, "matmul, 16 of 64 x 64 x 64",
          nadir_matmul(g, b.floats({16, 64, 64}), b.floats({16, 64, 64}), nullptr));
}

// Images of 16 channels and 32 x 32 positions, in a batch of 16.
void add_convolutions(std::vector<Row>& rows) {
  const double taps = 2.0 * 16 * 16 * 16 * 32 * 32 * 9;
  PRODUCT(taps, "conv2d", nadir_conv2d_add(g, nullptr, b.floats({16, 16, 32, 32}), 16, 3, "padding=1"));
  PRODUCT(taps / 4, "conv2d, stride 2",
          nadir_conv2d_add(g, nullptr, b.floats({16, 16, 32, 32}), 16, 3, "padding=1 stride=2"));
  PRODUCT(taps, "conv_transpose2d",
          nadir_conv_transpose2d_add(g, nullptr, b.floats({16, 16, 32, 32}), 16, 3, "padding=1"));
  PRODUCT(taps / 3, "conv1d", nadir_conv1d_add(g, nullptr, b.floats({16, 16, 1024}), 16, 3, "padding=1"));
  PRODUCT(taps / 3, "conv_transpose1d",
          nadir_conv_transpose1d_add(g, nullptr, b.floats({16, 16, 1024}), 16, 3, "padding=1"));
}

void add_pooling(std::vector<Row>& rows) {
  const auto line = [](Bench& b) { return b.floats({b.n / 1000, 10, 100}); };
  const auto image = [](Bench& b) { return b.floats({b.n / 1000, 10, 10, 10}); };
  ROW("max_pool1d", nadir_max_pool1d(g, line(b), 2, nullptr));
  ROW("max_pool2d", nadir_max_pool2d(g, image(b), 2, nullptr));
  ROW("avg_pool1d", nadir_avg_pool1d(g, line(b), 2, nullptr));
  ROW("avg_pool2d", nadir_avg_pool2d(g, image(b), 2, nullptr));
  ROW("adaptive_max_pool1d", nadir_adaptive_max_pool1d(g, line(b), 7));
  ROW("adaptive_max_pool2d", nadir_adaptive_max_pool2d(g, image(b), 3, 3));
  ROW("adaptive_avg_pool1d", nadir_adaptive_avg_pool1d(g, line(b), 7));
  ROW("adaptive_avg_pool2d", nadir_adaptive_avg_pool2d(g, image(b), 3, 3));
  ROW("global_avg_pool", nadir_global_avg_pool(g, image(b)));
}

// Sequences of 20 steps and of 16 in a batch; attention of 64 keys for each of 64 queries.
void add_sequences(std::vector<Row>& rows) {
  ROW("batch_norm", nadir_batch_norm_add(g, nullptr, b.floats({b.n / 1000, 10, 100}), nullptr));
  ROW("layer_norm", nadir_layer_norm_add(g, nullptr, b.matrix(), 1, nullptr));
  ROW("rms_norm", nadir_rms_norm_add(g, nullptr, b.matrix(), 1, nullptr));
  ROW("group_norm", nadir_group_norm_add(g, nullptr, b.floats({b.n / 1000, 10, 100}), 2, nullptr));
  ROW("instance_norm", nadir_instance_norm_add(g, nullptr, b.floats({b.n / 1000, 10, 100}), nullptr));
  ROW("embedding", nadir_embedding_add(g, nullptr, b.indices({b.n / 100}, 1000), 1000, 100, nullptr));
  const double cell = 2.0 * 20 * 16 * (64 + 64) * 64;
  PRODUCT(cell, "rnn", nadir_rnn_add(g, nullptr, b.floats({20, 16, 64}), 0, 0, 64, nullptr, nullptr));
  PRODUCT(3 * cell, "gru", nadir_gru_add(g, nullptr, b.floats({20, 16, 64}), 0, 0, 64, nullptr, nullptr));
  PRODUCT(4 * cell, "lstm", nadir_lstm_add(g, nullptr, b.floats({20, 16, 64}), 0, 0, 0, 64, nullptr, nullptr, nullptr));
  PRODUCT(2.0 * 2 * 16 * 64 * 64 * 64, "scaled_dot_product_attention",
          nadir_scaled_dot_product_attention(g, b.floats({16, 64, 64}), b.floats({16, 64, 64}), b.floats({16, 64, 64}),
                                             0, nullptr));
  PRODUCT(2.0 * (4 + 2) * 16 * 64 * 64 * 64, "multi_head_attention",
          nadir_multi_head_attention_add(g, nullptr, b.floats({64, 16, 64}), b.floats({64, 16, 64}),
                                         b.floats({64, 16, 64}), 0, 0, 4, nullptr, nullptr));
}

// ----------------------------------------------------------------------------------------------------------- measuring

constexpr int kRepetitions = 25;
constexpr double kSeconds = 5e-4;  // of a repetition, at least

// A call of `work`, in the mean of many; the first one, which brings its memory into the caches, is not counted.
template <class Work>
double seconds_of(const Work& work, int calls) {
  using Clock = std::chrono::steady_clock;
  work();
  const auto start = Clock::now();
  for (int call = 0; call < calls; ++call) work();
  return std::chrono::duration<double>(Clock::now() - start).count() / calls;
}

struct Times {
  double minimum, median, minimum_of_copy;
};

Times measure(const Bench& bench) {
  const size_t bytes = bench.moved() / 2;  // A copy reads them and writes them.
  Memory from = memory_of(bytes), to = memory_of(bytes);
  const auto operation = [&] { bench.run(); };
  const auto copy = [&] {
    benchmark::DoNotOptimize(std::memcpy(to.data(), from.data(), bytes));
    benchmark::ClobberMemory();
  };
  const auto calls_of = [](const auto& work) { return int(std::clamp(kSeconds / seconds_of(work, 10), 1.0, 1e6)); };
  const int operations = calls_of(operation), copies = calls_of(copy);
  std::vector<double> of_operation, of_copy;
  for (int repetition = 0; repetition < kRepetitions; ++repetition) {
    of_operation.push_back(seconds_of(operation, operations));
    of_copy.push_back(seconds_of(copy, copies));
  }
  std::sort(of_operation.begin(), of_operation.end());
  return {of_operation[0], of_operation[kRepetitions / 2], *std::min_element(of_copy.begin(), of_copy.end())};
}

// ------------------------------------------------------------------------------------------------------------ printing

// Measures a row at each size and prints it as a line; false, with the reason printed, if it does not run.
bool print(const Row& row, const std::vector<int64_t>& sizes, bool backward) {
  std::printf("%-28s", row.name.c_str());
  for (const int64_t n : sizes) {
    Bench bench(n, backward);
    const nadir_node y = row.build(bench, bench.graph);
    if (backward && y != NADIR_NONE && !bench.has_gradient(y)) {
      std::printf("  no gradient in f32");
      break;
    }
    if (!bench.compile(y)) {
      std::printf("  %s\n", bench.error());
      return false;
    }
    const Times times = measure(bench);
    if (row.operations == 0) {
      const double scale = 1e9 / double(n);
      std::printf("  %8.3f %8.3f %7.1f", times.minimum * scale, times.median * scale,
                  times.minimum / times.minimum_of_copy);
    } else {
      const double operations = (backward ? 3 : 1) * row.operations;  // A factor's gradient is a product, too.
      std::printf("  %8.2f %8.2f %7.1f", times.minimum * 1e6, times.median * 1e6, operations / times.minimum / 1e9);
    }
    std::fflush(stdout);
  }
  std::printf("\n");
  return true;
}

// The operations of the list that no row is of, which should be none.
void print_missing(const std::vector<Row>& rows) {
#define OTHER(name) #name,
#define COMPOSED(name) #name,
  const std::string_view names[] = {
#include "ops/registry.def"
  };
  for (const std::string_view name : names) {
    const auto is_of = [&](const Row& row) { return row.name.substr(0, row.name.find(',')) == name; };
    // What others are made of: uniform, normal, bernoulli and dropout; losses; convolutions.
    const std::string_view parts[] = {"random", "check_range", "conv", "conv_input", "conv_weight", "max_pool_index"};
    if (std::count(std::begin(parts), std::end(parts), name) > 0 || std::any_of(rows.begin(), rows.end(), is_of))
      continue;
    std::printf("no row measures %.*s\n", int(name.size()), name.data());
  }
}

bool is_wanted(const Row& row, const std::vector<std::string_view>& words) {
  const auto begins = [&](std::string_view word) { return row.name.rfind(word, 0) == 0; };
  return words.empty() || std::any_of(words.begin(), words.end(), begins);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string_view> words(argv + 1, argv + argc);
  const bool backward = std::erase(words, "--backward") > 0;
  std::vector<Row> rows;
  add_elementwise(rows);
  add_reductions(rows);
  add_shapes(rows);
  add_indexed_and_random(rows);
  add_products(rows);
  add_convolutions(rows);
  add_pooling(rows);
  add_sequences(rows);
  print_missing(rows);
  std::erase_if(rows, [&](const Row& row) { return !is_wanted(row, words); });
  const auto is_product = [](const Row& row) { return row.operations > 0; };

  std::printf("%s. Kernels: %s. Of %d repetitions the minimum and the median; copies by their minima.\n",
              backward ? "Forward and backward" : "Forward", nadir_isa(), kRepetitions);
  bool all_ran = true;
  if (!std::all_of(rows.begin(), rows.end(), is_product)) {
    std::printf("\n%-28s  %-25s  %-25s  %s\n", "", "   1 000 elements", "   100 000 elements", "   1 000 000 elements");
    std::printf("%-28s", "ns an element");
    for (int size = 0; size < 3; ++size) std::printf("  %8s %8s %7s", "min", "median", "copies");
    std::printf("\n");
  }
  for (const Row& row : rows) {
    if (!is_product(row)) all_ran &= print(row, {1000, 100000, 1000000}, backward);
  }
  if (std::any_of(rows.begin(), rows.end(), is_product)) {
    std::printf("\n%-28s  %8s %8s %7s\n", "us a product", "min", "median", "GFLOP/s");
  }
  for (const Row& row : rows) {
    if (is_product(row)) all_ran &= print(row, {0}, backward);
  }
  return all_ran ? 0 : 1;
}
