// What the builders of operations refuse: no node, nodes of another graph, wrong dtypes, axes, shapes and options,
// results that are too large. Each time the graph stays as it was, and trains to the right numbers at the end.
#include <algorithm>
#include <cstring>
#include <set>

#include "harness.h"

#include "../capi/support.h"

namespace {

using namespace operations;  // NOLINT: a test

constexpr std::int64_t kHuge = std::int64_t{1} << 40;

// The bed of the C API's tests with operands of every kind in it.
struct Field {
  bed base{};
  nadir_graph* g = nullptr;
  nadir_node f32 = NADIR_NONE, f64 = NADIR_NONE, i32 = NADIR_NONE,
             mask = NADIR_NONE;  // [2, 3], by the names of their dtypes
  nadir_node three = NADIR_NONE, four = NADIR_NONE, scalar = NADIR_NONE,
             index = NADIR_NONE;                        // [3], [4] and [] of f32, [2] of i32
  nadir_node batch = NADIR_NONE, batches = NADIR_NONE;  // [batch, 3], [2 * batch, 3]
  nadir_node eight = NADIR_NONE;                        // of rank 8, of f32
  nadir_node eight_index = NADIR_NONE;
  nadir_node line = NADIR_NONE, image = NADIR_NONE, batched_line = NADIR_NONE,
             kernel = NADIR_NONE;  // [2, 4, 6], [2, 4, 6, 5], [4, batch] and [4, 2, 3]
  nadir_node long_one = NADIR_NONE, long_column = NADIR_NONE, long_row = NADIR_NONE, no_row = NADIR_NONE,
             long_index = NADIR_NONE;  // 2^40 long
};

Field field;

int open_field(void** state) {
  bed_open(&field.base);
  nadir_graph* g = field.g = field.base.f.graph;
  field.f32 = input(g, NADIR_F32, {2, 3}, "f32");
  field.f64 = input(g, NADIR_F64, {2, 3}, "f64");
  field.i32 = input(g, NADIR_I32, {2, 3}, "i32");
  field.mask = input(g, NADIR_U8, {2, 3}, "mask");
  field.three = input(g, NADIR_F32, {3}, "three");
  field.four = input(g, NADIR_F32, {4}, "four");
  field.scalar = input(g, NADIR_F32, {}, "scalar");
  field.index = input(g, NADIR_I32, {2}, "index");
  field.batch = input(g, NADIR_F32, {kBatch, 3}, "batch");
  field.batches = input(g, NADIR_F32, {2 * kBatch, 3}, "batches");
  field.eight = input(g, NADIR_F32, {1, 1, 1, 1, 1, 1, 2, 2}, "eight");
  field.eight_index = input(g, NADIR_I32, {1, 1, 1, 1, 1, 1, 2, 2}, "eight_index");
  field.line = input(g, NADIR_F32, {2, 4, 6}, "line");
  field.image = input(g, NADIR_F32, {2, 4, 6, 5}, "image");
  field.batched_line = input(g, NADIR_F32, {4, kBatch}, "batched_line");
  field.kernel = input(g, NADIR_F32, {4, 2, 3}, "kernel");
  field.long_one = input(g, NADIR_F32, {kHuge}, "long_one");
  field.long_column = input(g, NADIR_F32, {kHuge, 1}, "long_column");
  field.long_row = input(g, NADIR_F32, {1, kHuge}, "long_row");
  field.long_index = input(g, NADIR_I32, {kHuge}, "long_index");
  field.no_row = input(g, NADIR_F32, {0, kHuge}, "no_row");
  bed_watch(&field.base);
  *state = &field;
  return 0;
}

int close_field(void**) {
  bed_close(&field.base);
  return 0;
}

// A builder answered `node`: NADIR_NONE, that status, and a message of these parts.
void refused(nadir_node node, nadir_status status, std::initializer_list<const char*> parts, int line) {
  std::vector<const char*> all(parts);
  all.push_back(nullptr);
  assert_refused_at(&field.base, node, status, all.data(), __FILE__, line);
}

#define REFUSED(node, status, ...) refused(node, status, {__VA_ARGS__}, __LINE__)

// -------------------------------------------------------------------------------------------- every operation once

// An operation applied to x in its operand number `place`, all else being right: x is [2, 3], of the dtype that it
// wants.
struct Call {
  const char* name;
  int operands;
  std::function<nadir_node(nadir_graph* g, int place, nadir_node x)> build;
};

#define UNARY_CALL(name)                                                            \
  {                                                                                 \
#name, 1, [](nadir_graph * g, int, nadir_node x) { return nadir_##name(g, x); } \
  }
#define BINARY_CALL(name)                                                                                           \
  {                                                                                                                 \
#name, 2,                                                                                                       \
        [](nadir_graph * g, int place,                                                                              \
           nadir_node x) { return place == 0 ? nadir_##name(g, x, field.three) : nadir_##name(g, field.three, x); } \
  }
#define MASK_CALL(name)                                                                                           \
  {                                                                                                               \
#name, 2,                                                                                                     \
        [](nadir_graph * g, int place,                                                                            \
           nadir_node x) { return place == 0 ? nadir_##name(g, x, field.mask) : nadir_##name(g, field.mask, x); } \
  }
#define REDUCTION_CALL(name)                                                                             \
  {                                                                                                      \
#name, 1, [](nadir_graph * g, int, nadir_node x) { return nadir_##name(g, x, nullptr, 0, nullptr); } \
  }
#define CALL(name, ...)                                                      \
  {                                                                          \
#name, 1, [](nadir_graph * g, int, nadir_node x) { return __VA_ARGS__; } \
  }

const std::int64_t kTwoThree[] = {2, 3}, kSix[] = {6};
const std::int32_t kExchange[] = {1, 0};

nadir_node choose(nadir_graph* g, int place, nadir_node x) {
  return nadir_where(g, place == 0 ? x : field.mask, place == 1 ? x : field.f32, place == 2 ? x : field.f32);
}

nadir_node join(nadir_graph* g, int place, nadir_node x) {
  const nadir_node xs[] = {place == 0 ? x : field.f32, place == 1 ? x : field.f32};
  return nadir_concat(g, xs, 2, 0);
}

nadir_node pile(nadir_graph* g, int place, nadir_node x) {
  const nadir_node xs[] = {place == 0 ? x : field.f32, place == 1 ? x : field.f32};
  return nadir_stack(g, xs, 2, 0);
}

nadir_node first_piece(nadir_graph* g, int, nadir_node x) {
  const std::int64_t lengths[] = {1, 1};
  nadir_node out[2] = {field.f32, field.f32};
  const nadir_status status = nadir_split(g, x, 0, lengths, 2, out);
  // Both are none on failure.
  if (status != NADIR_OK && (out[0] != NADIR_NONE || out[1] != NADIR_NONE)) return field.f32;
  return out[0];
}

std::vector<Call> calls() {
  return {
      UNARY_CALL(neg),
      UNARY_CALL(abs),
      UNARY_CALL(sign),
      UNARY_CALL(square),
      UNARY_CALL(sqrt),
      UNARY_CALL(rsqrt),
      UNARY_CALL(reciprocal),
      UNARY_CALL(floor),
      UNARY_CALL(ceil),
      UNARY_CALL(round),
      UNARY_CALL(trunc),
      UNARY_CALL(relu),
      UNARY_CALL(relu6),
      UNARY_CALL(softsign),
      UNARY_CALL(hard_sigmoid),
      UNARY_CALL(hard_swish),
      UNARY_CALL(exp),
      UNARY_CALL(expm1),
      UNARY_CALL(log),
      UNARY_CALL(log1p),
      UNARY_CALL(log2),
      UNARY_CALL(sin),
      UNARY_CALL(cos),
      UNARY_CALL(tan),
      UNARY_CALL(asin),
      UNARY_CALL(acos),
      UNARY_CALL(atan),
      UNARY_CALL(sinh),
      UNARY_CALL(cosh),
      UNARY_CALL(tanh),
      UNARY_CALL(erf),
      UNARY_CALL(erfc),
      UNARY_CALL(sigmoid),
      UNARY_CALL(log_sigmoid),
      UNARY_CALL(silu),
      UNARY_CALL(gelu),
      UNARY_CALL(gelu_tanh),
      UNARY_CALL(mish),
      UNARY_CALL(selu),
      UNARY_CALL(is_nan),
      UNARY_CALL(is_finite),
      UNARY_CALL(logical_not),
      UNARY_CALL(stop_gradient),
      BINARY_CALL(add),
      BINARY_CALL(sub),
      BINARY_CALL(mul),
      BINARY_CALL(div),
      BINARY_CALL(maximum),
      BINARY_CALL(minimum),
      BINARY_CALL(floor_div),
      BINARY_CALL(mod),
      BINARY_CALL(pow),
      BINARY_CALL(atan2),
      BINARY_CALL(eq),
      BINARY_CALL(ne),
      BINARY_CALL(lt),
      BINARY_CALL(le),
      BINARY_CALL(gt),
      BINARY_CALL(ge),
      MASK_CALL(logical_and),
      MASK_CALL(logical_or),
      MASK_CALL(logical_xor),
      REDUCTION_CALL(sum),
      REDUCTION_CALL(mean),
      REDUCTION_CALL(prod),
      REDUCTION_CALL(max),
      REDUCTION_CALL(min),
      REDUCTION_CALL(var),
      REDUCTION_CALL(std),
      REDUCTION_CALL(norm),
      REDUCTION_CALL(logsumexp),
      REDUCTION_CALL(any),
      REDUCTION_CALL(all),
      CALL(scale, nadir_scale(g, x, 2)),
      CALL(add_scalar, nadir_add_scalar(g, x, 2)),
      CALL(div_scalar, nadir_div_scalar(g, x, 2)),
      CALL(scalar_div, nadir_scalar_div(g, 2, x)),
      CALL(scalar_sub, nadir_scalar_sub(g, 2, x)),
      CALL(floor_div_scalar, nadir_floor_div_scalar(g, x, 2)),
      CALL(mod_scalar, nadir_mod_scalar(g, x, 2)),
      CALL(pow_scalar, nadir_pow_scalar(g, x, 2)),
      CALL(scalar_pow, nadir_scalar_pow(g, 2, x)),
      CALL(clamp, nadir_clamp(g, x, -1, 1)),
      CALL(leaky_relu, nadir_leaky_relu(g, x, nullptr)),
      CALL(elu, nadir_elu(g, x, nullptr)),
      CALL(softplus, nadir_softplus(g, x, nullptr)),
      CALL(cast, nadir_cast(g, x, NADIR_F64)),
      CALL(argmax, nadir_argmax(g, x, 0, nullptr)),
      CALL(argmin, nadir_argmin(g, x, 0, nullptr)),
      CALL(cumsum, nadir_cumsum(g, x, 0, nullptr)),
      CALL(softmax, nadir_softmax(g, x, 0)),
      CALL(log_softmax, nadir_log_softmax(g, x, 0)),
      CALL(broadcast_to, nadir_broadcast_to(g, x, kTwoThree, 2)),
      CALL(reshape, nadir_reshape(g, x, kSix, 1)),
      CALL(flatten, nadir_flatten(g, x, 0, -1)),
      CALL(squeeze, nadir_squeeze(g, x, nullptr, 0)),
      CALL(unsqueeze, nadir_unsqueeze(g, x, 0)),
      CALL(permute, nadir_permute(g, x, kExchange, 2)),
      CALL(transpose, nadir_transpose(g, x, 0, 1)),
      CALL(flip, nadir_flip(g, x, nullptr, 0)),
      CALL(slice, nadir_slice(g, x, 0, 0, 1, 1)),
      CALL(pad, nadir_pad(g, x, 0, 1, 1, nullptr)),
      CALL(repeat, nadir_repeat(g, x, kTwoThree, 2)),
      CALL(roll, nadir_roll(g, x, 0, 1)),
      CALL(tril, nadir_tril(g, x, 0)),
      CALL(triu, nadir_triu(g, x, 0)),
      CALL(one_hot, nadir_one_hot(g, x, 4, NADIR_F32)),
      CALL(dropout, nadir_dropout(g, x, 0.5)),
      CALL(linear, nadir_linear_add(g, "layer", x, 2, nullptr)),
      CALL(max_pool1d, nadir_max_pool1d(g, x, 2, nullptr)),
      CALL(max_pool2d, nadir_max_pool2d(g, x, 2, nullptr)),
      CALL(avg_pool1d, nadir_avg_pool1d(g, x, 2, nullptr)),
      CALL(avg_pool2d, nadir_avg_pool2d(g, x, 2, nullptr)),
      CALL(adaptive_max_pool1d, nadir_adaptive_max_pool1d(g, x, 2)),
      CALL(adaptive_max_pool2d, nadir_adaptive_max_pool2d(g, x, 2, 2)),
      CALL(adaptive_avg_pool1d, nadir_adaptive_avg_pool1d(g, x, 2)),
      CALL(adaptive_avg_pool2d, nadir_adaptive_avg_pool2d(g, x, 2, 2)),
      CALL(global_avg_pool, nadir_global_avg_pool(g, x)),
      CALL(batch_norm, nadir_batch_norm_add(g, "layer", x, nullptr)),
      CALL(layer_norm, nadir_layer_norm_add(g, "layer", x, 1, nullptr)),
      CALL(rms_norm, nadir_rms_norm_add(g, "layer", x, 1, nullptr)),
      CALL(group_norm, nadir_group_norm_add(g, "layer", x, 1, nullptr)),
      CALL(instance_norm, nadir_instance_norm_add(g, "layer", x, nullptr)),
      CALL(embedding, nadir_embedding_add(g, "layer", x, 3, 2, nullptr)),
      CALL(rnn, nadir_rnn_add(g, "layer", x, NADIR_NONE, NADIR_NONE, 2, nullptr, nullptr)),
      CALL(gru, nadir_gru_add(g, "layer", x, NADIR_NONE, NADIR_NONE, 2, nullptr, nullptr)),
      CALL(lstm, nadir_lstm_add(g, "layer", x, NADIR_NONE, NADIR_NONE, NADIR_NONE, 2, nullptr, nullptr, nullptr)),
      {"scaled_dot_product_attention", 3,
       [](nadir_graph* g, int place, nadir_node x) {
         return nadir_scaled_dot_product_attention(g, place == 0 ? x : field.f32, place == 1 ? x : field.f32,
                                                   place == 2 ? x : field.f32, NADIR_NONE, nullptr);
       }},
      {"multi_head_attention", 3,
       [](nadir_graph* g, int place, nadir_node x) {
         return nadir_multi_head_attention_add(g, "layer", place == 0 ? x : field.f32, place == 1 ? x : field.f32,
                                               place == 2 ? x : field.f32, NADIR_NONE, NADIR_NONE, 1, nullptr, nullptr);
       }},
      {"split", 1, first_piece},
      {"where", 3, choose},
      {"concat", 2, join},
      {"stack", 2, pile},
      {"matmul", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return place == 0 ? nadir_matmul(g, x, field.three, nullptr)
                           : nadir_matmul(g, field.three, x, "transpose_b=1");
       }},
      {"dot", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return place == 0 ? nadir_dot(g, x, field.three) : nadir_dot(g, field.three, x);
       }},
      {"outer", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return place == 0 ? nadir_outer(g, x, field.three) : nadir_outer(g, field.three, x);
       }},
      {"mse_loss", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return place == 0 ? nadir_mse_loss(g, x, field.f32, nullptr) : nadir_mse_loss(g, field.f32, x, nullptr);
       }},
      {"l1_loss", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return place == 0 ? nadir_l1_loss(g, x, field.f32, nullptr) : nadir_l1_loss(g, field.f32, x, nullptr);
       }},
      {"huber_loss", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return place == 0 ? nadir_huber_loss(g, x, field.f32, nullptr) : nadir_huber_loss(g, field.f32, x, nullptr);
       }},
      {"smooth_l1_loss", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return place == 0 ? nadir_smooth_l1_loss(g, x, field.f32, nullptr)
                           : nadir_smooth_l1_loss(g, field.f32, x, nullptr);
       }},
      {"hinge_loss", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return place == 0 ? nadir_hinge_loss(g, x, field.f32, nullptr) : nadir_hinge_loss(g, field.f32, x, nullptr);
       }},
      {"hinge_embedding_loss", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return place == 0 ? nadir_hinge_embedding_loss(g, x, field.f32, nullptr)
                           : nadir_hinge_embedding_loss(g, field.f32, x, nullptr);
       }},
      {"kl_div_loss", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return place == 0 ? nadir_kl_div_loss(g, x, field.f32, nullptr) : nadir_kl_div_loss(g, field.f32, x, nullptr);
       }},
      {"bce_loss", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return place == 0 ? nadir_bce_loss(g, x, field.f32, nullptr) : nadir_bce_loss(g, field.f32, x, nullptr);
       }},
      {"bce_with_logits_loss", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return nadir_bce_with_logits_loss(g, place == 0 ? x : field.f32, place == 1 ? x : field.f32, NADIR_NONE,
                                           nullptr);
       }},
      {"cross_entropy_loss", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return nadir_cross_entropy_loss(g, place == 0 ? x : field.f32, place == 1 ? x : field.f32, NADIR_NONE,
                                         nullptr);
       }},
      {"nll_loss", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return nadir_nll_loss(g, place == 0 ? x : field.f32, place == 1 ? x : field.index, NADIR_NONE, nullptr);
       }},
      {"cosine_embedding_loss", 3,
       [](nadir_graph* g, int place, nadir_node x) {
         return nadir_cosine_embedding_loss(g, place == 0 ? x : field.f32, place == 1 ? x : field.f32,
                                            place == 2 ? x : field.f32, nullptr);
       }},
      {"triplet_margin_loss", 3,
       [](nadir_graph* g, int place, nadir_node x) {
         return nadir_triplet_margin_loss(g, place == 0 ? x : field.f32, place == 1 ? x : field.f32,
                                          place == 2 ? x : field.f32, nullptr);
       }},
      {"conv1d", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return nadir_conv1d(g, place == 0 ? x : field.f32, place == 1 ? x : field.f32, NADIR_NONE, nullptr);
       }},
      {"conv2d", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return nadir_conv2d(g, place == 0 ? x : field.f32, place == 1 ? x : field.f32, NADIR_NONE, nullptr);
       }},
      {"conv_transpose1d", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return nadir_conv_transpose1d(g, place == 0 ? x : field.f32, place == 1 ? x : field.f32, NADIR_NONE, nullptr);
       }},
      {"conv_transpose2d", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return nadir_conv_transpose2d(g, place == 0 ? x : field.f32, place == 1 ? x : field.f32, NADIR_NONE, nullptr);
       }},
      {"slice_set", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return nadir_slice_set(g, place == 0 ? x : field.f32, 0, 0, 1, 1, place == 1 ? x : field.scalar);
       }},
      {"index_select", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return nadir_index_select(g, place == 0 ? x : field.f32, 0, place == 1 ? x : field.index);
       }},
      {"index_add", 3,
       [](nadir_graph* g, int place, nadir_node x) {
         return nadir_index_add(g, place == 0 ? x : field.f32, 0, place == 1 ? x : field.index,
                                place == 2 ? x : field.f32);
       }},
      {"gather", 2,
       [](nadir_graph* g, int place, nadir_node x) {
         return nadir_gather(g, place == 0 ? x : field.f32, 0, place == 1 ? x : field.i32);
       }},
      {"scatter_add", 3,
       [](nadir_graph* g, int place, nadir_node x) {
         return nadir_scatter_add(g, place == 0 ? x : field.f32, 0, place == 1 ? x : field.i32,
                                  place == 2 ? x : field.f32);
       }},
      // These have no operands.
      {"full", 0, [](nadir_graph* g, int, nadir_node) { return nadir_full(g, NADIR_F32, kTwoThree, 2, 1); }},
      {"uniform", 0,
       [](nadir_graph* g, int, nadir_node) { return nadir_uniform(g, NADIR_F32, kTwoThree, 2, nullptr); }},
      {"normal", 0, [](nadir_graph* g, int, nadir_node) { return nadir_normal(g, NADIR_F32, kTwoThree, 2, nullptr); }},
      {"bernoulli", 0,
       [](nadir_graph* g, int, nadir_node) { return nadir_bernoulli(g, NADIR_F32, kTwoThree, 2, 0.5); }},
  };
}

void every_operation_is_called_here(void**) {
  // Which are in others: the last three, and losses.
  std::set<std::string> called = {"random", "check_range", "conv", "conv_input", "conv_weight", "max_pool_index"};
  for (const Call& call : calls()) called.insert(call.name);
  for (const char* name : {
#define NAMED(name) #name,
#define UNARY(name) NAMED(name)
#define SCALED(name) NAMED(name)
#define BINARY(name) NAMED(name)
#define TEST(name) NAMED(name)
#define COMPARE(name) NAMED(name)
#define LOGICAL(name) NAMED(name)
#define OTHER(name) NAMED(name)
#define COMPOSED(name) NAMED(name)
#include "ops/registry.def"
#undef NAMED
       }) {
    if (called.count(name) == 0) fail_msg("%s", name);
  }
}

void operations_without_a_graph_make_nothing(void**) {
  for (const Call& call : calls()) {
    for (int place = 0; place < std::max(call.operands, 1); ++place) {
      if (call.build(nullptr, place, field.f32) != NADIR_NONE) fail_msg("%s", call.name);
    }
  }
}

void operations_on_no_node_make_nothing(void**) {
  for (const Call& call : calls()) {
    for (int place = 0; place < call.operands; ++place) {
      REFUSED(call.build(field.g, place, NADIR_NONE), NADIR_E_ARGUMENT, call.name);
    }
  }
}

void operations_refuse_nodes_of_another_graph(void**) {
  for (const Call& call : calls()) {
    for (int place = 0; place < call.operands; ++place) {
      REFUSED(call.build(field.g, place, field.base.foreign), NADIR_E_ARGUMENT, call.name);
    }
  }
}

// A chain is checked once, at its end: the first failure is the one that is told.
void a_chain_tells_its_first_failure(void**) {
  nadir_graph* g = field.g;
  const nadir_node bad = nadir_add(g, field.three, field.four);
  assert_int_equal(bad, NADIR_NONE);
  for (const Call& call : calls()) {
    if (call.operands == 0) continue;
    assert_int_equal(call.build(g, 0, bad), NADIR_NONE);
    assert_status(nadir_graph_status(g), NADIR_E_SHAPE);
    const char* const parts[] = {"add", "\"three\"", "\"four\"", nullptr};
    assert_says_at(nadir_graph_error(g), parts, __FILE__, __LINE__);
  }
  assert_ok(nadir_graph_clear_error(g));
  assert_unchanged(&field.base);
}

// ----------------------------------------------------------------------------------------------------------- dtypes

void floats_are_wanted_where_there_is_arithmetic(void**) {
  const std::set<std::string> any_dtype = {"eq",
                                           "ne",
                                           "lt",
                                           "le",
                                           "gt",
                                           "ge",
                                           "where",
                                           "cast",
                                           "broadcast_to",
                                           "reshape",
                                           "flatten",
                                           "squeeze",
                                           "unsqueeze",
                                           "permute",
                                           "transpose",
                                           "flip",
                                           "slice",
                                           "slice_set",
                                           "concat",
                                           "stack",
                                           "split",
                                           "pad",
                                           "repeat",
                                           "roll",
                                           "index_select",
                                           "gather",
                                           "tril",
                                           "triu",
                                           "stop_gradient",
                                           "argmax",
                                           "argmin",
                                           "any",
                                           "all",
                                           "logical_and",
                                           "logical_or",
                                           "logical_xor",
                                           "logical_not",
                                           "one_hot",
                                           "embedding",
                                           "max",
                                           "min"};
  for (const Call& call : calls()) {
    if (call.operands == 0 || any_dtype.count(call.name) > 0) continue;
    REFUSED(call.build(field.g, 0, field.i32), NADIR_E_DTYPE, call.name, "\"i32\"", "i32");
    REFUSED(call.build(field.g, 0, field.mask), NADIR_E_DTYPE, call.name, "\"mask\"", "u8");
  }
}

void masks_are_wanted_where_there_is_logic(void**) {
  for (const Call& call : calls()) {
    const std::string name = call.name;
    if (name != "any" && name != "all" && name.rfind("logical_", 0) != 0 && name != "where") continue;
    REFUSED(call.build(field.g, 0, field.f32), NADIR_E_DTYPE, call.name, "\"f32\"", "f32");
    REFUSED(call.build(field.g, 0, field.i32), NADIR_E_DTYPE, call.name, "\"i32\"", "i32");
  }
}

void mixed_dtypes_are_refused_by_name(void**) {
  for (const char* name :
       {"add", "sub", "mul", "div", "maximum", "minimum", "floor_div", "mod",   "pow",      "atan2",
        "eq",  "ne",  "lt",  "le",  "gt",      "ge",      "concat",    "stack", "mse_loss", "matmul"}) {
    for (const Call& call : calls()) {
      if (std::strcmp(call.name, name) != 0) continue;
      for (int place = 0; place < 2; ++place)
        REFUSED(call.build(field.g, place, field.f64), NADIR_E_DTYPE, name, "\"f64\"", "f64", "f32");
    }
  }
  nadir_graph* g = field.g;
  REFUSED(nadir_slice_set(g, field.f64, 0, 0, 1, 1, field.scalar), NADIR_E_DTYPE, "slice_set", "\"scalar\"", "f64");
  REFUSED(nadir_index_add(g, field.f32, 0, field.index, field.f64), NADIR_E_DTYPE, "index_add", "\"f64\"");
  REFUSED(nadir_scatter_add(g, field.f32, 0, field.i32, field.f64), NADIR_E_DTYPE, "scatter_add", "\"f64\"");
  REFUSED(nadir_where(g, field.mask, field.f32, field.f64), NADIR_E_DTYPE, "where", "\"f64\"");
}

void an_index_is_an_integer(void**) {
  nadir_graph* g = field.g;
  for (const nadir_node bad : {field.f32, field.mask}) {
    const char* name = bad == field.f32 ? "\"f32\"" : "\"mask\"";
    REFUSED(nadir_index_select(g, field.f32, 0, bad), NADIR_E_DTYPE, "index_select", name);
    REFUSED(nadir_index_add(g, field.f32, 0, bad, field.f32), NADIR_E_DTYPE, "index_add", name);
    REFUSED(nadir_gather(g, field.f32, 0, bad), NADIR_E_DTYPE, "gather", name);
    REFUSED(nadir_scatter_add(g, field.f32, 0, bad, field.f32), NADIR_E_DTYPE, "scatter_add", name);
    REFUSED(nadir_one_hot(g, bad, 3, NADIR_F32), NADIR_E_DTYPE, "one_hot", name);
    REFUSED(nadir_embedding_add(g, "layer", bad, 3, 2, nullptr), NADIR_E_DTYPE, "embedding_add", name);
  }
}

void dtypes_are_those_that_there_are(void**) {
  nadir_graph* g = field.g;
  for (const nadir_dtype bad : {0, -1, 6, 77}) {
    REFUSED(nadir_full(g, bad, kTwoThree, 2, 1), NADIR_E_DTYPE, "full");
    REFUSED(nadir_cast(g, field.f32, bad), NADIR_E_DTYPE, "cast");
    REFUSED(nadir_one_hot(g, field.index, 3, bad), NADIR_E_DTYPE, "one_hot");
    REFUSED(nadir_uniform(g, bad, kTwoThree, 2, nullptr), NADIR_E_DTYPE, "uniform");
    REFUSED(nadir_normal(g, bad, kTwoThree, 2, nullptr), NADIR_E_DTYPE, "normal");
    REFUSED(nadir_bernoulli(g, bad, kTwoThree, 2, 0.5), NADIR_E_DTYPE, "bernoulli");
  }
  REFUSED(nadir_uniform(g, NADIR_I32, kTwoThree, 2, nullptr), NADIR_E_DTYPE, "uniform", "i32");
  REFUSED(nadir_normal(g, NADIR_I64, kTwoThree, 2, nullptr), NADIR_E_DTYPE, "normal", "i64");
}

// ------------------------------------------------------------------------------------------------------------- axes

void axes_are_those_of_the_operand(void**) {
  nadir_graph* g = field.g;
  const nadir_node x = field.f32;
  for (const std::int32_t bad : {2, -3, 100, INT32_MAX, INT32_MIN}) {
    const std::string number = std::to_string(bad);
    const char* says = number.c_str();
    for (const auto build :
         {nadir_sum, nadir_mean, nadir_prod, nadir_max, nadir_min, nadir_var, nadir_std, nadir_norm, nadir_logsumexp}) {
      REFUSED(build(g, x, &bad, 1, nullptr), NADIR_E_SHAPE, says);
    }
    REFUSED(nadir_any(g, field.mask, &bad, 1, nullptr), NADIR_E_SHAPE, "any", says);
    REFUSED(nadir_all(g, field.mask, &bad, 1, nullptr), NADIR_E_SHAPE, "all", says);
    REFUSED(nadir_argmax(g, x, bad, nullptr), NADIR_E_SHAPE, "argmax", says);
    REFUSED(nadir_argmin(g, x, bad, nullptr), NADIR_E_SHAPE, "argmin", says);
    REFUSED(nadir_cumsum(g, x, bad, nullptr), NADIR_E_SHAPE, "cumsum", says);
    REFUSED(nadir_softmax(g, x, bad), NADIR_E_SHAPE, "softmax", says);
    REFUSED(nadir_log_softmax(g, x, bad), NADIR_E_SHAPE, "log_softmax", says);
    REFUSED(nadir_flatten(g, x, bad, 1), NADIR_E_SHAPE, "flatten", says);
    REFUSED(nadir_flatten(g, x, 0, bad), NADIR_E_SHAPE, "flatten", says);
    REFUSED(nadir_squeeze(g, x, &bad, 1), NADIR_E_SHAPE, "squeeze", says);
    REFUSED(nadir_transpose(g, x, bad, 0), NADIR_E_SHAPE, "transpose", says);
    REFUSED(nadir_transpose(g, x, 0, bad), NADIR_E_SHAPE, "transpose", says);
    REFUSED(nadir_flip(g, x, &bad, 1), NADIR_E_SHAPE, "flip", says);
    REFUSED(nadir_slice(g, x, bad, 0, 1, 1), NADIR_E_SHAPE, "slice", says);
    REFUSED(nadir_slice_set(g, x, bad, 0, 1, 1, field.scalar), NADIR_E_SHAPE, "slice_set", says);
    REFUSED(nadir_concat(g, &x, 1, bad), NADIR_E_SHAPE, "concat", says);
    REFUSED(nadir_pad(g, x, bad, 1, 1, nullptr), NADIR_E_SHAPE, "pad", says);
    REFUSED(nadir_roll(g, x, bad, 1), NADIR_E_SHAPE, "roll", says);
    REFUSED(nadir_index_select(g, x, bad, field.index), NADIR_E_SHAPE, "index_select", says);
    REFUSED(nadir_index_add(g, x, bad, field.index, x), NADIR_E_SHAPE, "index_add", says);
    REFUSED(nadir_gather(g, x, bad, field.i32), NADIR_E_SHAPE, "gather", says);
    REFUSED(nadir_scatter_add(g, x, bad, field.i32, x), NADIR_E_SHAPE, "scatter_add", says);
    const std::int64_t length = 2;
    nadir_node out = field.f32;
    REFUSED(nadir_split(g, x, bad, &length, 1, &out) == NADIR_OK ? x : out, NADIR_E_SHAPE, "split", says);
  }
  // Of the result, which has one more.
  for (const std::int32_t bad : {3, -4, INT32_MAX, INT32_MIN}) {
    REFUSED(nadir_unsqueeze(g, x, bad), NADIR_E_SHAPE, "unsqueeze");
    REFUSED(nadir_stack(g, &x, 1, bad), NADIR_E_SHAPE, "stack");
  }
  // A scalar has none.
  REFUSED(nadir_softmax(g, field.scalar, 0), NADIR_E_SHAPE, "softmax");
  REFUSED(nadir_cumsum(g, field.scalar, -1, nullptr), NADIR_E_SHAPE, "cumsum");
  REFUSED(nadir_argmax(g, field.scalar, 0, nullptr), NADIR_E_SHAPE, "argmax");
  REFUSED(nadir_slice(g, field.scalar, 0, 0, 1, 1), NADIR_E_SHAPE, "slice");
  REFUSED(nadir_index_select(g, field.scalar, 0, field.index), NADIR_E_SHAPE, "index_select");
  REFUSED(nadir_concat(g, &field.scalar, 1, 0), NADIR_E_SHAPE, "concat");
}

void axes_are_distinct(void**) {
  nadir_graph* g = field.g;
  const std::int32_t twice[] = {1, 1}, by_its_other_name[] = {0, -2};
  for (const auto* axes : {twice, by_its_other_name}) {
    for (const auto build : {nadir_sum, nadir_prod, nadir_max, nadir_var, nadir_std, nadir_norm, nadir_logsumexp}) {
      REFUSED(build(g, field.f32, axes, 2, nullptr), NADIR_E_SHAPE, "axis");
    }
    REFUSED(nadir_permute(g, field.f32, axes, 2), NADIR_E_SHAPE, "permute");
    REFUSED(nadir_flip(g, field.f32, axes, 2), NADIR_E_SHAPE, "flip");
    REFUSED(nadir_squeeze(g, field.f32, axes, 2), NADIR_E_SHAPE, "squeeze");
  }
}

void a_permutation_has_all_axes(void**) {
  const std::int32_t three[] = {0, 1, 2};
  REFUSED(nadir_permute(field.g, field.f32, three, 1), NADIR_E_SHAPE, "permute", "\"f32\"");
  REFUSED(nadir_permute(field.g, field.f32, three, 3), NADIR_E_SHAPE, "permute", "\"f32\"");
  REFUSED(nadir_flatten(field.g, field.f32, 1, 0), NADIR_E_SHAPE, "flatten");
}

// ------------------------------------------------------------------------------------------------------------ shapes

void shapes_that_do_not_fit_are_refused(void**) {
  nadir_graph* g = field.g;
  const nadir_node x = field.f32, pair[] = {field.f32, field.three}, lengths[] = {field.three, field.four};
  for (const auto build : {nadir_add, nadir_floor_div, nadir_mod, nadir_pow, nadir_atan2, nadir_eq}) {
    REFUSED(build(g, field.three, field.four), NADIR_E_SHAPE, "\"three\"", "\"four\"");
  }
  REFUSED(nadir_dot(g, field.three, field.four), NADIR_E_SHAPE, "dot", "\"three\"", "\"four\"");
  REFUSED(nadir_dot(g, x, x), NADIR_E_SHAPE, "dot", "\"f32\"");
  REFUSED(nadir_dot(g, field.scalar, field.scalar), NADIR_E_SHAPE, "dot", "\"scalar\"");
  REFUSED(nadir_outer(g, x, field.three), NADIR_E_SHAPE, "outer", "\"f32\"");
  REFUSED(nadir_outer(g, field.three, field.scalar), NADIR_E_SHAPE, "outer", "\"scalar\"");
  REFUSED(nadir_matmul(g, field.three, field.four, nullptr), NADIR_E_SHAPE, "matmul", "\"three\"", "\"four\"");
  REFUSED(nadir_matmul(g, x, x, nullptr), NADIR_E_SHAPE, "matmul", "\"f32\"");
  REFUSED(nadir_matmul(g, field.scalar, field.three, nullptr), NADIR_E_SHAPE, "matmul", "\"scalar\"");
  REFUSED(nadir_concat(g, pair, 2, 0), NADIR_E_SHAPE, "concat", "\"f32\"", "\"three\"");
  REFUSED(nadir_stack(g, lengths, 2, 0), NADIR_E_SHAPE, "stack", "\"three\"", "\"four\"");
  REFUSED(nadir_slice_set(g, x, 0, 0, 1, 1, field.four), NADIR_E_SHAPE, "slice_set", "\"four\"");
  REFUSED(nadir_slice_set(g, field.three, 0, 0, 2, 1, field.three), NADIR_E_SHAPE, "slice_set", "\"three\"");
  REFUSED(nadir_slice_set(g, field.three, 0, 0, 3, 1, x), NADIR_E_SHAPE, "slice_set", "\"f32\"");
  REFUSED(nadir_index_add(g, x, 0, field.index, field.three), NADIR_E_SHAPE, "index_add", "\"three\"");
  REFUSED(nadir_gather(g, x, 0, field.index), NADIR_E_SHAPE, "gather", "\"index\"");
  REFUSED(nadir_gather(g, field.three, 0, field.i32), NADIR_E_SHAPE, "gather", "\"i32\"");
  REFUSED(nadir_scatter_add(g, x, 0, field.i32, field.three), NADIR_E_SHAPE, "scatter_add", "\"three\"");
  REFUSED(nadir_tril(g, field.three, 0), NADIR_E_SHAPE, "tril", "\"three\"");
  REFUSED(nadir_triu(g, field.scalar, 0), NADIR_E_SHAPE, "triu", "\"scalar\"");
  REFUSED(nadir_repeat(g, x, kSix, 1), NADIR_E_SHAPE, "repeat", "\"f32\"");
}

void an_index_of_elements_is_nowhere_longer_than_the_operand(void**) {
  const GraphPtr graph = new_graph();
  nadir_graph* g = graph.get();
  const nadir_node x = input(g, NADIR_F32, {2, 3}, "x"), wide = input(g, NADIR_I32, {2, 4}, "wide");
  assert_int_equal(nadir_gather(g, x, 0, wide), NADIR_NONE);
  assert_status(nadir_graph_status(g), NADIR_E_SHAPE);
  assert_ok(nadir_graph_clear_error(g));
  assert_int_not_equal(nadir_gather(g, x, 1, wide), NADIR_NONE);
}

void slices_step_on(void**) {
  assert_int_equal(nadir_slice(field.g, field.three, 0, 0, 3, 0), NADIR_NONE);
  assert_int_not_equal(nadir_graph_status(field.g), NADIR_OK);
  const char* const parts[] = {"slice", "\"three\"", "step", nullptr};
  assert_says_at(nadir_graph_error(field.g), parts, __FILE__, __LINE__);
  assert_ok(nadir_graph_clear_error(field.g));
  assert_int_equal(nadir_slice_set(field.g, field.three, 0, 0, 3, 0, field.scalar), NADIR_NONE);
  assert_int_not_equal(nadir_graph_status(field.g), NADIR_OK);
  assert_ok(nadir_graph_clear_error(field.g));
}

void splits_sum_to_the_length(void**) {
  const std::vector<std::vector<std::int64_t>> bad = {
      {1, 1}, {2, 2}, {3, 1, -1}, {-1, 4}, {INT64_MAX, INT64_MAX, 5}, {4, INT64_MIN, INT64_MIN}};
  for (const auto& lengths : bad) {
    Nodes out(lengths.size(), field.three);
    const nadir_status status =
        nadir_split(field.g, field.three, 0, lengths.data(), static_cast<std::int32_t>(lengths.size()), out.data());
    assert_status(status, NADIR_E_SHAPE);
    for (const nadir_node node : out) assert_int_equal(node, NADIR_NONE);
    REFUSED(out[0], NADIR_E_SHAPE, "split", "\"three\"");
  }
}

void joins_have_something_to_join(void**) {
  for (const std::int32_t count : {0, -1, INT32_MIN}) {
    REFUSED(nadir_concat(field.g, &field.f32, count, 0), NADIR_E_ARGUMENT, "concat");
    REFUSED(nadir_stack(field.g, &field.f32, count, 0), NADIR_E_ARGUMENT, "stack");
    nadir_node out = NADIR_NONE;
    const std::int64_t length = 2;
    assert_status(nadir_split(field.g, field.f32, 0, &length, count, &out), NADIR_E_ARGUMENT);
    REFUSED(NADIR_NONE, NADIR_E_ARGUMENT, "split");
  }
  REFUSED(nadir_concat(field.g, nullptr, 2, 0), NADIR_E_ARGUMENT, "concat");
  REFUSED(nadir_stack(field.g, nullptr, 1, 0), NADIR_E_ARGUMENT, "stack");
}

void arrays_are_there_if_they_have_a_count(void**) {
  nadir_graph* g = field.g;
  REFUSED(nadir_permute(g, field.f32, nullptr, 2), NADIR_E_ARGUMENT, "permute");
  REFUSED(nadir_repeat(g, field.f32, nullptr, 2), NADIR_E_ARGUMENT, "repeat");
  REFUSED(nadir_full(g, NADIR_F32, nullptr, 2, 1), NADIR_E_ARGUMENT, "full");
  REFUSED(nadir_uniform(g, NADIR_F32, nullptr, 1, nullptr), NADIR_E_ARGUMENT, "uniform");
  const std::int64_t length = 2;
  nadir_node out = NADIR_NONE;
  assert_status(nadir_split(g, field.f32, 0, nullptr, 1, &out), NADIR_E_ARGUMENT);
  REFUSED(NADIR_NONE, NADIR_E_ARGUMENT, "split");
  assert_status(nadir_split(g, field.f32, 0, &length, 1, nullptr), NADIR_E_ARGUMENT);
  REFUSED(NADIR_NONE, NADIR_E_ARGUMENT, "split");
  assert_status(nadir_split(nullptr, field.f32, 0, &length, 1, &out), NADIR_E_ARGUMENT);
}

void padding_ends_with_the_operand(void**) {
  nadir_graph* g = field.g;
  REFUSED(nadir_pad(g, field.three, 0, 3, 0, "mode=reflect"), NADIR_E_SHAPE, "pad", "\"three\"");
  REFUSED(nadir_pad(g, field.three, 0, 0, 3, "mode=reflect"), NADIR_E_SHAPE, "pad", "\"three\"");
  REFUSED(nadir_pad(g, field.no_row, 0, 1, 0, "mode=reflect"), NADIR_E_SHAPE, "pad", "\"no_row\"");
  REFUSED(nadir_pad(g, field.no_row, 0, 1, 0, "mode=replicate"), NADIR_E_SHAPE, "pad", "\"no_row\"");
}

void counts_of_elements_are_not_negative(void**) {
  const std::int64_t negative[] = {1, -1};
  REFUSED(nadir_repeat(field.g, field.f32, negative, 2), NADIR_E_ARGUMENT, "repeat", "-1");
  REFUSED(nadir_repeat(field.g, field.f32, negative, -1), NADIR_E_ARGUMENT, "repeat", "-1");
  REFUSED(nadir_one_hot(field.g, field.index, -1, NADIR_F32), NADIR_E_ARGUMENT, "one_hot", "-1");
  REFUSED(nadir_pad(field.g, field.three, 0, -1, 0, nullptr), NADIR_E_ARGUMENT, "pad", "-1");
  REFUSED(nadir_pad(field.g, field.three, 0, 0, INT64_MIN, nullptr), NADIR_E_ARGUMENT, "pad");
}

// ------------------------------------------------------------------------------------------------------------- batch

void the_batch_is_cut_in_whole_batches(void**) {
  nadir_graph* g = field.g;
  const nadir_node x = field.batches;
  const struct {
    std::int64_t start, stop, step;
  } bad[] = {
      {1, NADIR_OPEN, 1},          {0, 3, 1},
      {-1, NADIR_OPEN, 1},         {NADIR_OPEN, -1, 1},
      {NADIR_OPEN, NADIR_OPEN, 2}, {NADIR_OPEN, NADIR_OPEN, -2},
      {NADIR_OPEN, kBatch, -1},    {NADIR_OPEN, kBatch + 1, 1},
  };
  for (const auto& one : bad) {
    REFUSED(nadir_slice(g, x, 0, one.start, one.stop, one.step), NADIR_E_SHAPE, "slice", "\"batches\"");
    REFUSED(nadir_slice_set(g, x, 0, one.start, one.stop, one.step, field.scalar), NADIR_E_SHAPE, "slice_set",
            "\"batches\"");
  }
  const std::int64_t lengths[] = {1, 2}, too_few[] = {kBatch, 0}, mixed[] = {2 * kBatch, 1};
  for (const auto* cut : {lengths, too_few, mixed}) {
    nadir_node out[2] = {x, x};
    assert_status(nadir_split(g, x, 0, cut, 2, out), NADIR_E_SHAPE);
    assert_int_equal(out[1], NADIR_NONE);
    REFUSED(out[0], NADIR_E_SHAPE, "split", "\"batches\"");
  }
}

void what_is_not_for_the_batch_is_refused_on_it(void**) {
  nadir_graph* g = field.g;
  const std::int32_t first = 0;
  const nadir_node mixed[] = {field.batch, field.f32};
  REFUSED(nadir_pad(g, field.batch, 0, 1, 1, nullptr), NADIR_E_SHAPE, "pad", "\"batch\"");
  REFUSED(nadir_roll(g, field.batch, 0, 1), NADIR_E_SHAPE, "roll", "\"batch\"");
  REFUSED(nadir_prod(g, field.batch, &first, 1, nullptr), NADIR_E_SHAPE, "prod", "\"batch\"");
  REFUSED(nadir_prod(g, field.batch, nullptr, 0, nullptr), NADIR_E_SHAPE, "prod", "\"batch\"");
  REFUSED(nadir_tril(g, field.batch, 0), NADIR_E_SHAPE, "tril", "\"batch\"");
  REFUSED(nadir_triu(g, field.batch, 0), NADIR_E_SHAPE, "triu", "\"batch\"");
  REFUSED(nadir_stack(g, mixed, 2, 0), NADIR_E_SHAPE, "stack", "\"batch\"");
  // Rows and a batch of rows are no multiple of the batch.
  REFUSED(nadir_concat(g, mixed, 2, 0), NADIR_E_SHAPE, "concat", "\"batch\"");
  REFUSED(nadir_add(g, field.batch, field.batches), NADIR_E_SHAPE, "add", "\"batches\"");
}

// ------------------------------------------------------------------------------------------------------- too large

void ranks_end_at_eight(void**) {
  nadir_graph* g = field.g;
  const std::int64_t nine[] = {1, 1, 1, 1, 1, 1, 1, 2, 2};
  const nadir_node x = field.eight;
  REFUSED(nadir_unsqueeze(g, x, 0), NADIR_E_SHAPE, "unsqueeze", "8");
  REFUSED(nadir_stack(g, &x, 1, 0), NADIR_E_SHAPE, "stack", "8");
  REFUSED(nadir_repeat(g, x, nine, 9), NADIR_E_SHAPE, "repeat", "8");
  REFUSED(nadir_broadcast_to(g, x, nine, 9), NADIR_E_SHAPE, "broadcast_to", "8");
  REFUSED(nadir_reshape(g, x, nine, 9), NADIR_E_SHAPE, "reshape", "8");
  REFUSED(nadir_full(g, NADIR_F32, nine, 9, 1), NADIR_E_SHAPE, "full", "8");
  REFUSED(nadir_uniform(g, NADIR_F32, nine, 9, nullptr), NADIR_E_SHAPE, "uniform", "8");
  REFUSED(nadir_normal(g, NADIR_F32, nine, 9, nullptr), NADIR_E_SHAPE, "normal", "8");
  REFUSED(nadir_bernoulli(g, NADIR_F32, nine, 9, 0.5), NADIR_E_SHAPE, "bernoulli", "8");
  REFUSED(nadir_one_hot(g, field.eight_index, 2, NADIR_F32), NADIR_E_SHAPE, "one_hot", "8");
  REFUSED(nadir_index_select(g, x, 7, field.i32), NADIR_E_SHAPE, "index_select", "8");
  for (const std::int32_t rank : {-1, INT32_MAX, INT32_MIN}) {
    REFUSED(nadir_full(g, NADIR_F32, nine, rank, 1), NADIR_E_SHAPE, "full");
    REFUSED(nadir_bernoulli(g, NADIR_F32, nine, rank, 0.5), NADIR_E_SHAPE, "bernoulli");
  }
}

// Each dimension is possible, and their product is not: neither in elements nor in bytes may it come round to something
// small.
void results_end_at_2_to_63_bytes(void**) {
  nadir_graph* g = field.g;
  const std::int64_t square[] = {kHuge, kHuge}, round[] = {std::int64_t{1} << 32, std::int64_t{1} << 32},
                     bytes[] = {std::int64_t{1} << 61};
  const std::int64_t often[] = {kHuge}, most[] = {INT64_MAX}, many[] = {kHuge, 1};
  REFUSED(nadir_outer(g, field.long_one, field.long_one), NADIR_E_SHAPE, "outer");
  REFUSED(nadir_add(g, field.long_column, field.long_row), NADIR_E_SHAPE, "add");
  REFUSED(nadir_pow(g, field.long_column, field.long_row), NADIR_E_SHAPE, "pow");
  REFUSED(nadir_eq(g, field.long_column, field.long_row), NADIR_E_SHAPE, "eq");
  REFUSED(nadir_matmul(g, field.long_column, field.long_row, nullptr), NADIR_E_SHAPE, "matmul");
  REFUSED(nadir_broadcast_to(g, field.long_one, square, 2), NADIR_E_SHAPE, "broadcast_to");
  REFUSED(nadir_repeat(g, field.long_one, often, 1), NADIR_E_SHAPE, "repeat");
  REFUSED(nadir_repeat(g, field.three, most, 1), NADIR_E_SHAPE, "repeat");
  REFUSED(nadir_repeat(g, field.long_one, many, 2), NADIR_E_SHAPE, "repeat");
  REFUSED(nadir_pad(g, field.three, 0, INT64_MAX, 0, nullptr), NADIR_E_SHAPE, "pad");
  REFUSED(nadir_pad(g, field.three, 0, INT64_MAX, INT64_MAX, nullptr), NADIR_E_SHAPE, "pad");
  REFUSED(nadir_pad(g, field.three, 0, std::int64_t{1} << 61, 0, "mode=replicate"), NADIR_E_SHAPE, "pad");
  REFUSED(nadir_full(g, NADIR_F32, square, 2, 1), NADIR_E_SHAPE, "full");
  REFUSED(nadir_full(g, NADIR_U8, round, 2, 1), NADIR_E_SHAPE, "full");
  REFUSED(nadir_full(g, NADIR_F32, bytes, 1, 1), NADIR_E_SHAPE, "full");
  REFUSED(nadir_full(g, NADIR_F32, most, 1, 1), NADIR_E_SHAPE, "full");
  REFUSED(nadir_uniform(g, NADIR_F32, square, 2, nullptr), NADIR_E_SHAPE, "uniform");
  REFUSED(nadir_normal(g, NADIR_F64, bytes, 1, nullptr), NADIR_E_SHAPE, "normal");
  REFUSED(nadir_bernoulli(g, NADIR_F32, round, 2, 0.5), NADIR_E_SHAPE, "bernoulli");
  REFUSED(nadir_one_hot(g, field.long_index, std::int64_t{1} << 30, NADIR_F32), NADIR_E_SHAPE, "one_hot");
  REFUSED(nadir_one_hot(g, field.index, INT64_MAX, NADIR_F32), NADIR_E_ARGUMENT, "one_hot");
  REFUSED(nadir_index_select(g, field.long_column, 1, field.long_index), NADIR_E_SHAPE, "index_select");
  // 2^22 of them would be 2^62 elements.
  Nodes much(std::size_t{1} << 21, field.long_one);
  REFUSED(nadir_concat(g, much.data(), static_cast<std::int32_t>(much.size()), 0), NADIR_E_SHAPE, "concat");
  // No element at all is not too many, but its dimension would be: 2^80.
  const std::int64_t once_and_often[] = {1, kHuge};
  REFUSED(nadir_repeat(g, field.no_row, once_and_often, 2), NADIR_E_SHAPE, "repeat");
}

void results_below_2_to_63_bytes_are_possible() {
  const GraphPtr graph = new_graph();
  const nadir_node x = input(graph.get(), NADIR_F32, {kHuge});
  const nadir_node pair[] = {x, x};
  const std::int64_t often[] = {std::int64_t{1} << 20}, most[] = {(std::int64_t{1} << 61) - 1};
  require(shape_of(graph.get(), made(graph.get(), nadir_concat(graph.get(), pair, 2, 0))) == Shape{2 * kHuge},
          "concat");
  require(shape_of(graph.get(), made(graph.get(), nadir_repeat(graph.get(), x, often, 1))) == Shape{kHuge << 20},
          "repeat");
  require(shape_of(graph.get(), made(graph.get(), nadir_full(graph.get(), NADIR_F32, most, 1, 1))) == Shape{most[0]},
          "full");
}

// ----------------------------------------------------------------------------------------------------------- options

void options_are_those_that_there_are(void**) {
  nadir_graph* g = field.g;
  const nadir_node x = field.f32;
  for (const auto build :
       {nadir_sum, nadir_mean, nadir_prod, nadir_max, nadir_min, nadir_var, nadir_std, nadir_norm, nadir_logsumexp}) {
    REFUSED(build(g, x, nullptr, 0, "keep=1"), NADIR_E_ARGUMENT, "keep");
    REFUSED(build(g, x, nullptr, 0, "keepdim=2"), NADIR_E_ARGUMENT, "keepdim");
    REFUSED(build(g, x, nullptr, 0, "keepdim"), NADIR_E_ARGUMENT, "keepdim");
  }
  REFUSED(nadir_any(g, field.mask, nullptr, 0, "keepdim=yes"), NADIR_E_ARGUMENT, "any", "keepdim");
  REFUSED(nadir_all(g, field.mask, nullptr, 0, "p=1"), NADIR_E_ARGUMENT, "all", "p");
  REFUSED(nadir_argmax(g, x, 0, "keepdim=2"), NADIR_E_ARGUMENT, "argmax", "keepdim");
  REFUSED(nadir_argmin(g, x, 0, "reverse=1"), NADIR_E_ARGUMENT, "argmin", "reverse");
  REFUSED(nadir_cumsum(g, x, 0, "reverse=2"), NADIR_E_ARGUMENT, "cumsum", "reverse");
  REFUSED(nadir_var(g, x, nullptr, 0, "correction=one"), NADIR_E_ARGUMENT, "var", "correction");
  REFUSED(nadir_max(g, x, nullptr, 0, "correction=1"), NADIR_E_ARGUMENT, "max", "correction");
  REFUSED(nadir_norm(g, x, nullptr, 0, "p=3"), NADIR_E_ARGUMENT, "norm", "p");
  REFUSED(nadir_norm(g, x, nullptr, 0, "p=0"), NADIR_E_ARGUMENT, "norm", "p");
  REFUSED(nadir_norm(g, x, nullptr, 0, "p="), NADIR_E_ARGUMENT, "norm", "p");
  REFUSED(nadir_norm(g, x, nullptr, 0, "p=-inf"), NADIR_E_ARGUMENT, "norm", "p");
  REFUSED(nadir_pad(g, x, 0, 1, 1, "mode=wrap"), NADIR_E_ARGUMENT, "pad", "mode");
  REFUSED(nadir_pad(g, x, 0, 1, 1, "value=x"), NADIR_E_ARGUMENT, "pad", "value");
  REFUSED(nadir_uniform(g, NADIR_F32, kTwoThree, 2, "mean=1"), NADIR_E_ARGUMENT, "uniform", "mean");
  REFUSED(nadir_uniform(g, NADIR_F32, kTwoThree, 2, "low=zero"), NADIR_E_ARGUMENT, "uniform", "low");
  REFUSED(nadir_normal(g, NADIR_F32, kTwoThree, 2, "low=1"), NADIR_E_ARGUMENT, "normal", "low");
  REFUSED(nadir_matmul(g, x, field.three, "transpose=1"), NADIR_E_ARGUMENT, "matmul", "transpose");
}

void probabilities_are_between_0_and_1(void**) {
  nadir_graph* g = field.g;
  for (const double bad :
       {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    REFUSED(nadir_bernoulli(g, NADIR_F32, kTwoThree, 2, bad), NADIR_E_ARGUMENT, "bernoulli", "probability");
    REFUSED(nadir_dropout(g, field.f32, bad), NADIR_E_ARGUMENT, "dropout", "probability");
  }
}

// ----------------------------------------------------------------------------------------------------------- layers

constexpr nadir_node kNone = NADIR_NONE;

void norms_want_dimensions_that_are_there(void**) {
  nadir_graph* g = field.g;
  for (const auto build : {nadir_layer_norm_add, nadir_rms_norm_add}) {
    for (const std::int32_t bad : {0, -1, 3}) {
      REFUSED(build(g, "n", field.f32, bad, nullptr), NADIR_E_SHAPE, "\"n\"", "\"f32\" is [2, 3]", "normalized_dims is",
              "1 to the rank, 2");
    }
    REFUSED(build(g, "n", field.scalar, 1, nullptr), NADIR_E_SHAPE, "\"scalar\"");
    REFUSED(build(g, "n", field.batch, 2, nullptr), NADIR_E_SHAPE, "\"batch\" is [batch, 3]", "dimension 0");
    for (const char* bad : {"eps=-1", "eps=nan", "eps=inf"}) {
      REFUSED(build(g, "n", field.f32, 1, bad), NADIR_E_ARGUMENT, "eps is", "wants 0 or more");
    }
    REFUSED(build(g, "n", field.f32, 1, "elementwise=1"), NADIR_E_ARGUMENT, "elementwise_affine");
  }
  REFUSED(nadir_rms_norm_add(g, "n", field.f32, 1, "bias=0"), NADIR_E_ARGUMENT, "bias");
}

void groups_divide_the_channels(void**) {
  nadir_graph* g = field.g;
  const nadir_node x = input(g, NADIR_F32, {2, 4, 3}, "channels"),
                   turned = input(g, NADIR_F32, {2, 4, kBatch}, "turned");
  bed_watch(&field.base);
  REFUSED(nadir_group_norm_add(g, "n", x, 3, nullptr), NADIR_E_SHAPE, "num_groups is 3", "divisor of the channels, 4");
  REFUSED(nadir_group_norm_add(g, "n", x, 0, nullptr), NADIR_E_ARGUMENT, "num_groups is 0", "at least 1");
  REFUSED(nadir_group_norm_add(g, "n", field.three, 1, nullptr), NADIR_E_SHAPE, "\"three\"", "rank of at least 2");
  REFUSED(nadir_group_norm_add(g, "n", turned, 2, nullptr), NADIR_E_SHAPE, "\"turned\"", "dimension 2");
  REFUSED(nadir_group_norm_add(g, "n", x, 2, "eps=-1"), NADIR_E_ARGUMENT, "eps is -1");
  REFUSED(nadir_group_norm_add(g, "n", x, 2, "bias=0"), NADIR_E_ARGUMENT, "bias");
  REFUSED(nadir_instance_norm_add(g, "n", field.f32, nullptr), NADIR_E_SHAPE, "\"f32\"", "rank of at least 3");
  REFUSED(nadir_instance_norm_add(g, "n", turned, nullptr), NADIR_E_SHAPE, "\"turned\"", "dimension 2");
  REFUSED(nadir_instance_norm_add(g, "n", x, "eps=-1"), NADIR_E_ARGUMENT, "eps is -1");
}

void embeddings_have_rows_and_columns(void**) {
  nadir_graph* g = field.g;
  REFUSED(nadir_embedding_add(g, "e", field.index, 0, 2, nullptr), NADIR_E_ARGUMENT, "num_embeddings is 0");
  REFUSED(nadir_embedding_add(g, "e", field.index, 3, -2, nullptr), NADIR_E_ARGUMENT, "embedding_dim is -2");
  REFUSED(nadir_embedding_add(g, "e", field.index, 3, 2, "padding_idx=3"), NADIR_E_ARGUMENT, "padding_idx is 3",
          "-3 to 2");
  REFUSED(nadir_embedding_add(g, "e", field.index, 3, 2, "padding_idx=-4"), NADIR_E_ARGUMENT, "padding_idx is -4");
  REFUSED(nadir_embedding_add(g, "e", field.index, 3, 2, "dtype=i32"), NADIR_E_ARGUMENT, "dtype", "f32, f64");
  REFUSED(nadir_embedding_add(g, "e", field.eight_index, 3, 2, nullptr), NADIR_E_SHAPE, "8");
}

void recurrence_wants_sequences(void**) {
  nadir_graph* g = field.g;
  const nadir_node x = input(g, NADIR_F32, {4, 2, 3}, "series"), h = input(g, NADIR_F32, {1, 2, 5}, "h"),
                   double_h = input(g, NADIR_F64, {1, 2, 5}, "double_h"), mask = input(g, NADIR_U8, {4, 2}, "m"),
                   turned = input(g, NADIR_U8, {2, 4}, "turned"),
                   long_one = input(g, NADIR_F32, {kBatch, 2, 3}, "long"),
                   none = input(g, NADIR_F32, {0, 2, 3}, "none"), wide = input(g, NADIR_F32, {2, 3, kBatch}, "wide");
  bed_watch(&field.base);
  nadir_node h_n = field.f32, c_n = field.f32;
  const auto lstm = [&](nadir_node x, nadir_node h0, nadir_node c0, nadir_node mask, std::int64_t hidden,
                        const char* options) {
    return nadir_lstm_add(g, "r", x, h0, c0, mask, hidden, options, &h_n, &c_n);
  };
  REFUSED(lstm(x, kNone, kNone, kNone, 0, nullptr), NADIR_E_ARGUMENT, "lstm_add", "\"r\"", "hidden_size is 0");
  assert_true(h_n == NADIR_NONE && c_n == NADIR_NONE);
  REFUSED(lstm(field.three, kNone, kNone, kNone, 5, nullptr), NADIR_E_SHAPE, "\"three\"", "rank of 2 or 3");
  REFUSED(lstm(field.eight, kNone, kNone, kNone, 5, nullptr), NADIR_E_SHAPE, "\"eight\"", "rank of 2 or 3");
  REFUSED(lstm(long_one, kNone, kNone, kNone, 5, nullptr), NADIR_E_SHAPE, "\"long\"", "dimension 0");
  REFUSED(lstm(none, kNone, kNone, kNone, 5, nullptr), NADIR_E_SHAPE, "\"none\"", "dimension 0");
  REFUSED(lstm(wide, kNone, kNone, kNone, 5, nullptr), NADIR_E_SHAPE, "\"wide\"", "dimension 2");
  REFUSED(lstm(x, field.f32, kNone, kNone, 5, nullptr), NADIR_E_SHAPE, "h0", "\"f32\"", "wants [1, 2, 5]");
  REFUSED(lstm(x, h, field.f32, kNone, 5, nullptr), NADIR_E_SHAPE, "c0", "\"f32\"", "wants [1, 2, 5]");
  REFUSED(lstm(x, h, h, kNone, 5, "num_layers=2 bidirectional=1"), NADIR_E_SHAPE, "h0", "wants [4, 2, 5]");
  REFUSED(lstm(x, h, h, kNone, 5, "batch_first=1"), NADIR_E_SHAPE, "h0", "wants [1, 4, 5]");
  REFUSED(lstm(x, double_h, kNone, kNone, 5, nullptr), NADIR_E_DTYPE, "\"double_h\"", "f64");
  REFUSED(lstm(x, field.base.foreign, kNone, kNone, 5, nullptr), NADIR_E_ARGUMENT, "h0");
  REFUSED(lstm(x, h, field.base.foreign, kNone, 5, nullptr), NADIR_E_ARGUMENT, "c0");
  REFUSED(lstm(x, h, h, field.base.foreign, 5, nullptr), NADIR_E_ARGUMENT, "mask");
  REFUSED(lstm(x, h, h, turned, 5, nullptr), NADIR_E_SHAPE, "mask", "\"turned\"", "wants [4, 2]");
  REFUSED(lstm(x, kNone, kNone, field.mask, 5, "batch_first=1"), NADIR_E_SHAPE, "mask", "\"mask\"", "wants [4, 2]");
  REFUSED(lstm(x, h, h, field.f32, 5, nullptr), NADIR_E_DTYPE, "mask", "\"f32\"", "u8");
  REFUSED(lstm(x, h, h, mask, 5, "dropout=1.5"), NADIR_E_ARGUMENT, "dropout is 1.5", "0 to 1");
  REFUSED(lstm(x, h, h, mask, 5, "num_layers=0"), NADIR_E_ARGUMENT, "num_layers");
  REFUSED(lstm(x, h, h, mask, 5, "nonlinearity=relu"), NADIR_E_ARGUMENT, "nonlinearity");
  REFUSED(nadir_gru_add(g, "r", x, field.f32, kNone, 5, nullptr, &h_n), NADIR_E_SHAPE, "gru_add", "h0");
  REFUSED(nadir_gru_add(g, "r", x, kNone, kNone, 5, "dropout=-1", &h_n), NADIR_E_ARGUMENT, "dropout is -1");
  REFUSED(nadir_rnn_add(g, "r", x, kNone, turned, 5, nullptr, &h_n), NADIR_E_SHAPE, "rnn_add", "mask");
  REFUSED(nadir_rnn_add(g, "r", x, kNone, kNone, 5, "nonlinearity=sigmoid", &h_n), NADIR_E_ARGUMENT, "nonlinearity",
          "tanh, relu");
  REFUSED(nadir_rnn_add(g, "r", x, kNone, kNone, std::int64_t{1} << 61, nullptr, &h_n), NADIR_E_SHAPE, "2^63");
  REFUSED(lstm(x, kNone, kNone, kNone, std::int64_t{1} << 62, nullptr), NADIR_E_SHAPE, "too long");
}

void attention_wants_operands_that_fit(void**) {
  nadir_graph* g = field.g;
  const nadir_node q = input(g, NADIR_F32, {2, 4, 6}, "q"), k = input(g, NADIR_F32, {2, 5, 6}, "k"),
                   v = input(g, NADIR_F32, {2, 5, 3}, "v"), other = input(g, NADIR_F32, {3, 5, 6}, "other"),
                   mask = input(g, NADIR_U8, {4, 4}, "m"), single = input(g, NADIR_F64, {2, 5, 6}, "double"),
                   rows = input(g, NADIR_F32, {kBatch, 6}, "rows"), none = input(g, NADIR_F32, {2, 4, 0}, "none");
  bed_watch(&field.base);
  const auto attend = [&](nadir_node q, nadir_node k, nadir_node v, nadir_node mask, const char* options) {
    return nadir_scaled_dot_product_attention(g, q, k, v, mask, options);
  };
  REFUSED(attend(field.three, k, v, kNone, nullptr), NADIR_E_SHAPE, "query", "\"three\"", "rank of 2 to 8");
  REFUSED(attend(q, v, v, kNone, nullptr), NADIR_E_SHAPE, "\"q\" is [2, 4, 6]", "\"v\" is [2, 5, 3]",
          "dimension -1 of query to be dimension -1 of key");
  REFUSED(attend(q, k, q, kNone, nullptr), NADIR_E_SHAPE, "\"k\"", "\"q\"",
          "dimension -2 of key to be dimension -2 of value");
  REFUSED(attend(q, other, k, kNone, nullptr), NADIR_E_SHAPE, "\"q\"", "\"other\"", "leading dimensions");
  REFUSED(attend(q, k, other, kNone, nullptr), NADIR_E_SHAPE, "\"other\"", "leading dimensions");
  REFUSED(attend(none, none, none, kNone, nullptr), NADIR_E_SHAPE, "query", "\"none\"", "dimension 2");
  REFUSED(attend(q, single, v, kNone, nullptr), NADIR_E_DTYPE, "\"double\"", "f64");
  REFUSED(attend(q, k, single, kNone, nullptr), NADIR_E_DTYPE, "\"double\"", "f64");
  REFUSED(attend(q, k, v, mask, nullptr), NADIR_E_SHAPE, "attn_mask", "\"m\"", "[2, 4, 5]");
  REFUSED(attend(q, k, v, field.i32, nullptr), NADIR_E_DTYPE, "attn_mask", "\"i32\"", "u8 or f32");
  REFUSED(attend(q, k, v, field.base.foreign, nullptr), NADIR_E_ARGUMENT, "attn_mask");
  REFUSED(attend(rows, rows, rows, kNone, "is_causal=1"), NADIR_E_SHAPE, "query", "\"rows\"", "dimension 0");
  REFUSED(attend(q, k, v, kNone, "dropout_p=2"), NADIR_E_ARGUMENT, "dropout_p is 2", "0 to 1");
  REFUSED(attend(q, k, v, kNone, "dropout=0.5"), NADIR_E_ARGUMENT, "dropout", "dropout_p");
}

void heads_divide_the_embedding(void**) {
  nadir_graph* g = field.g;
  const nadir_node q = input(g, NADIR_F32, {4, 2, 6}, "q"), k = input(g, NADIR_F32, {5, 2, 3}, "k"),
                   mask = input(g, NADIR_U8, {4, 4}, "m"), padding = input(g, NADIR_U8, {2, 4}, "p"),
                   flat = input(g, NADIR_F32, {5, 3}, "flat"), single = input(g, NADIR_F64, {5, 2, 3}, "double");
  bed_watch(&field.base);
  nadir_node weights = field.f32;
  const auto attend = [&](nadir_node q, nadir_node k, nadir_node v, nadir_node padding, nadir_node mask,
                          std::int64_t heads, const char* options) {
    return nadir_multi_head_attention_add(g, "a", q, k, v, padding, mask, heads, options, &weights);
  };
  REFUSED(attend(q, k, k, kNone, kNone, 4, nullptr), NADIR_E_SHAPE, "\"a\"", "num_heads is 4",
          "divisor of the embedding's size, 6");
  assert_true(weights == NADIR_NONE);
  REFUSED(attend(q, k, k, kNone, kNone, 0, nullptr), NADIR_E_ARGUMENT, "num_heads is 0");
  REFUSED(attend(field.three, k, k, kNone, kNone, 1, nullptr), NADIR_E_SHAPE, "\"three\"", "rank of 2 to 3");
  REFUSED(attend(q, flat, k, kNone, kNone, 1, nullptr), NADIR_E_SHAPE, "\"flat\"", "rank of 3 to 3");
  REFUSED(attend(q, k, q, kNone, kNone, 1, nullptr), NADIR_E_SHAPE, "\"k\"", "\"q\"", "dimension -3 of key");
  REFUSED(attend(q, k, k, kNone, kNone, 1, "batch_first=1"), NADIR_E_SHAPE, "\"q\"", "\"k\"", "dimension -3 of query");
  REFUSED(attend(q, single, k, kNone, kNone, 1, nullptr), NADIR_E_DTYPE, "\"double\"", "f64");
  REFUSED(attend(q, k, k, padding, kNone, 1, nullptr), NADIR_E_SHAPE, "key_padding_mask", "\"p\"", "wants [2, 5]");
  REFUSED(attend(q, k, k, field.f32, kNone, 1, nullptr), NADIR_E_DTYPE, "key_padding_mask", "\"f32\"");
  REFUSED(attend(q, k, k, kNone, mask, 2, nullptr), NADIR_E_SHAPE, "attn_mask", "\"m\"", "wants [4, 5]");
  REFUSED(attend(q, k, k, kNone, q, 2, nullptr), NADIR_E_SHAPE, "attn_mask", "\"q\"", "wants [4, 4, 5]");
  REFUSED(attend(q, k, k, kNone, field.i32, 2, nullptr), NADIR_E_DTYPE, "attn_mask", "\"i32\"");
  REFUSED(attend(q, k, k, field.base.foreign, kNone, 2, nullptr), NADIR_E_ARGUMENT, "key_padding_mask");
  REFUSED(attend(q, k, k, kNone, kNone, 2, "dropout=-0.5"), NADIR_E_ARGUMENT, "dropout is -0.5");
}

// ------------------------------------------------------------------------------------------------------ the two checks

void the_gradient_check_wants_a_loss_of_f64() {
  const GraphPtr graph = new_graph();
  nadir_graph* g = graph.get();
  const nadir_node single = param(g, NADIR_F32, vector_of({1, 2})), x = param(g, NADIR_F64, vector_of({1, 2}));
  const nadir_node loss = sum_of(g, made(g, nadir_square(g, x)));
  const SessionPtr f32 = new_session(g, sum_of(g, made(g, nadir_square(g, single))), {});
  const SessionPtr without = new_session(g, NADIR_NONE, {loss});
  const SessionPtr good = new_session(g, loss, {});
  double worst = 0;
  assert_status(nadir_grad_check(nullptr, nullptr, &worst), NADIR_E_ARGUMENT);
  assert_status(nadir_grad_check(f32.get(), nullptr, &worst), NADIR_E_DTYPE);
  assert_status(nadir_grad_check(without.get(), nullptr, &worst), NADIR_E_STATE);
  for (const char* options :
       {"step=x", "size=1", "step=0", "step=-1", "tolerance=-1", "step=inf", "step=nan", "tolerance=nan"}) {
    assert_status(nadir_grad_check(good.get(), options, &worst), NADIR_E_ARGUMENT);
  }
  assert_status(nadir_grad_check(good.get(), nullptr, nullptr), NADIR_OK);
}

// A gradient that is 0 where the value is none is told by element and both numbers; everything is as it was afterwards.
void the_gradient_check_tells_what_differs() {
  const GraphPtr graph = new_graph();
  nadir_graph* g = graph.get();
  const nadir_node x = param(g, NADIR_F64, vector_of({0.25, 0.5, -0.25}), "weights");
  // x * stop(x): its differences say 2x and its gradient x.
  const nadir_node loss = sum_of(g, made(g, nadir_mul(g, x, made(g, nadir_stop_gradient(g, x)))));
  const SessionPtr session = new_session(g, loss, {loss});
  ok(session.get(), nadir_forward(session.get()));
  ok(session.get(), nadir_backward(session.get()));
  const Array before = gradient(session.get(), g, x);
  double worst = 0;
  assert_status(nadir_grad_check(session.get(), nullptr, &worst), NADIR_E_MISMATCH);
  const char* const parts[] = {"weights", nullptr};
  assert_says_at(nadir_session_error(session.get()), parts, __FILE__, __LINE__);
  require_same(gradient(session.get(), g, x), before, "the gradient afterwards");
  // |x - 2x|, the largest of the three: no gradient is over 1.
  require(is_near(worst, 0.5, 1e-6), "the worst error is " + std::to_string(worst));
  assert_status(nadir_grad_check(session.get(), "tolerance=0.49", &worst), NADIR_E_MISMATCH);
  assert_status(nadir_grad_check(session.get(), "tolerance=0.51", &worst), NADIR_OK);
  double values[3];
  assert_ok(nadir_param_get(g, x, values, sizeof values));
  assert_true(values[0] == 0.25 && values[1] == 0.5 && values[2] == -0.25);
}

// Gradients that were added up before are there afterwards, and so is the mark that they are zero.
void the_gradient_check_leaves_gradients_alone() {
  const GraphPtr graph = new_graph();
  nadir_graph* g = graph.get();
  const nadir_node x = param(g, NADIR_F64, vector_of({1, 2, 3}));
  const SessionPtr session = new_session(g, sum_of(g, made(g, nadir_square(g, x))), {});
  assert_ok(nadir_grad_check(session.get(), nullptr, nullptr));
  require_near(gradient(session.get(), g, x), vector_of({0, 0, 0}), 0, "before a backward pass");
  for (const int passes : {1, 2}) {
    ok(session.get(), nadir_forward(session.get()));
    ok(session.get(), nadir_backward(session.get()));
    const Array sum = mapped(vector_of({2, 4, 6}), [passes](double value) { return passes * value; });
    require_near(gradient(session.get(), g, x), sum, 0, "after backward passes");
    assert_ok(nadir_grad_check(session.get(), nullptr, nullptr));
    require_near(gradient(session.get(), g, x), sum, 0, "after backward passes and a check");
  }
}

}  // namespace

#define FIELD_TEST(function) \
  { #function, function, open_field, close_field, nullptr }

void convolutions_refuse_what_does_not_fit(void**) {
  nadir_graph* g = field.g;
  const nadir_node line = field.line, image = field.image, batched_line = field.batched_line;
  const auto add = [&](const char* options) { return nadir_conv1d_add(g, "layer", line, 4, 3, options); };
  REFUSED(add("groups=3"), NADIR_E_ARGUMENT, "conv1d_add \"layer\"", "groups is 3", "a divisor", "4");
  REFUSED(nadir_conv1d_add(g, "layer", line, 3, 3, "groups=2"), NADIR_E_ARGUMENT, "groups is 2", "out_channels, 3");
  REFUSED(nadir_conv1d_add(g, "layer", line, 4, 7, nullptr), NADIR_E_SHAPE, "\"line\" is [2, 4, 6]", "covers 7",
          "the length", "which is 6");
  REFUSED(add("dilation=4"), NADIR_E_SHAPE, "covers 9", "which is 6");
  REFUSED(nadir_conv2d_add(g, "layer", image, 4, 3, "padding_h=1 kernel_w=6"), NADIR_E_SHAPE, "covers 6", "the width",
          "which is 5");
  REFUSED(add("padding=-1"), NADIR_E_ARGUMENT, "padding is -1", "0 or more, same or valid");
  REFUSED(add("padding=some"), NADIR_E_ARGUMENT, "padding is some", "same or valid");
  REFUSED(add("padding=same stride=2"), NADIR_E_ARGUMENT, "padding=same", "stride of 2", "wants 1");
  REFUSED(add("stride=0"), NADIR_E_ARGUMENT, "stride=0", "at least 1");
  REFUSED(add("dilation=0"), NADIR_E_ARGUMENT, "dilation=0", "at least 1");
  REFUSED(add("stride_h=1"), NADIR_E_ARGUMENT, "stride_h", "stride");
  REFUSED(nadir_conv1d_add(g, "layer", line, 0, 3, nullptr), NADIR_E_ARGUMENT, "out_channels is 0");
  REFUSED(nadir_conv1d_add(g, "layer", line, 4, 0, nullptr), NADIR_E_ARGUMENT, "kernel_size is 0");
  REFUSED(nadir_conv1d_add(g, "layer", line, 4, 40000, "padding=20000"), NADIR_E_SHAPE, "40000", "32767");
  REFUSED(nadir_conv1d_add(g, "layer", image, 4, 3, nullptr), NADIR_E_SHAPE, "\"image\"", "[batch, channels, length]");
  REFUSED(nadir_conv2d_add(g, "layer", field.f32, 4, 3, nullptr), NADIR_E_SHAPE, "\"f32\"", "height, width]");
  REFUSED(nadir_conv1d_add(g, "layer", batched_line, 4, 1, nullptr), NADIR_E_SHAPE, "\"batched_line\"", "constant");
  REFUSED(nadir_conv1d_add(g, "layer", field.i32, 4, 1, nullptr), NADIR_E_DTYPE, "i32");
  const auto transposed = [&](const char* options) {
    return nadir_conv_transpose1d_add(g, "layer", line, 4, 3, options);
  };
  REFUSED(transposed("output_padding=1"), NADIR_E_ARGUMENT, "output_padding is 1", "less than", "1");
  REFUSED(transposed("stride=2 dilation=3 output_padding=3"), NADIR_E_ARGUMENT, "output_padding is 3", "3");
  REFUSED(transposed("padding=4"), NADIR_E_SHAPE, "the length of the result is 0", "at least 1");
  REFUSED(transposed("padding=same"), NADIR_E_ARGUMENT, "padding=same", "a whole number");
  const nadir_node weight = field.kernel, four = field.four;
  REFUSED(nadir_conv1d(g, line, weight, NADIR_NONE, nullptr), NADIR_E_SHAPE, "\"line\"", "\"kernel\" is [4, 2, 3]",
          "groups 1", "an x of 2 channels");
  REFUSED(nadir_conv1d(g, line, four, NADIR_NONE, nullptr), NADIR_E_SHAPE, "\"four\"", "a rank of 3");
  REFUSED(nadir_conv1d(g, line, weight, field.three, "groups=2"), NADIR_E_SHAPE, "bias \"three\"", "[4]");
  REFUSED(nadir_conv_transpose1d(g, line, weight, four, nullptr), NADIR_E_SHAPE, "bias \"four\"", "[2]");
}

void pooling_refuses_what_does_not_fit(void**) {
  nadir_graph* g = field.g;
  const nadir_node line = field.line, image = field.image;
  for (const auto pool : {nadir_max_pool1d, nadir_avg_pool1d}) {
    REFUSED(pool(g, line, 7, nullptr), NADIR_E_SHAPE, "\"line\" is [2, 4, 6]", "covers 7", "the length", "which is 6");
    REFUSED(pool(g, line, 0, nullptr), NADIR_E_ARGUMENT, "kernel_size is 0", "at least 1");
    REFUSED(pool(g, line, 3, "padding=2"), NADIR_E_ARGUMENT, "padding is 2", "half of the kernel's size, 3");
    REFUSED(pool(g, line, 3, "padding=-1"), NADIR_E_ARGUMENT, "padding=-1", "at least 0");
    REFUSED(pool(g, line, 3, "stride=0"), NADIR_E_ARGUMENT, "stride=0", "at least 1");
    REFUSED(pool(g, image, 3, nullptr), NADIR_E_SHAPE, "\"image\"", "[batch, channels, length]");
    REFUSED(pool(g, field.batched_line, 1, nullptr), NADIR_E_SHAPE, "\"batched_line\"", "constant");
    REFUSED(pool(g, field.i32, 1, nullptr), NADIR_E_DTYPE, "i32");
  }
  REFUSED(nadir_avg_pool1d(g, line, 2, "dilation=2"), NADIR_E_ARGUMENT, "dilation");
  REFUSED(nadir_max_pool1d(g, line, 2, "count_include_pad=0"), NADIR_E_ARGUMENT, "count_include_pad");
  REFUSED(nadir_max_pool1d(g, line, 2, "dilation=7 padding=1"), NADIR_E_SHAPE, "window number 0", "padding alone");
  REFUSED(nadir_max_pool2d(g, image, 2, "kernel_w=6"), NADIR_E_SHAPE, "covers 6", "the width", "which is 5");
  REFUSED(nadir_adaptive_avg_pool1d(g, line, 0), NADIR_E_ARGUMENT, "output size is 0", "at least 1");
  REFUSED(nadir_adaptive_max_pool2d(g, image, 2, -1), NADIR_E_ARGUMENT, "output size is -1");
  REFUSED(nadir_adaptive_max_pool2d(g, field.f32, 2, 2), NADIR_E_SHAPE, "\"f32\"", "height, width]");
  REFUSED(nadir_global_avg_pool(g, field.f32), NADIR_E_SHAPE, "\"f32\"", "to pool over");
}

void losses_refuse_what_does_not_fit(void**) {
  nadir_graph* g = field.g;
  for (const auto loss : {nadir_mse_loss, nadir_l1_loss, nadir_huber_loss, nadir_smooth_l1_loss, nadir_hinge_loss,
                          nadir_hinge_embedding_loss, nadir_kl_div_loss, nadir_bce_loss}) {
    REFUSED(loss(g, field.f32, field.three, nullptr), NADIR_E_SHAPE, "\"f32\" is [2, 3]", "\"three\" is [3]", "equal");
    REFUSED(loss(g, field.f32, field.f32, "reduction=some"), NADIR_E_ARGUMENT, "reduction=some", "mean, sum, none");
  }
  REFUSED(nadir_kl_div_loss(g, field.f32, field.f32, "reduction=batch"), NADIR_E_ARGUMENT, "batchmean");
  REFUSED(nadir_huber_loss(g, field.f32, field.f32, "delta=-1"), NADIR_E_ARGUMENT, "delta is -1", "over 0");
  REFUSED(nadir_huber_loss(g, field.f32, field.f32, "delta=0"), NADIR_E_ARGUMENT, "delta is 0", "over 0");
  REFUSED(nadir_smooth_l1_loss(g, field.f32, field.f32, "beta=-1"), NADIR_E_ARGUMENT, "beta is -1", "at least 0");
  REFUSED(nadir_hinge_loss(g, field.f32, field.f32, "margin=inf"), NADIR_E_ARGUMENT, "margin is inf", "finite");
  const auto entropy = [&](nadir_node target, nadir_node weight, const char* options) {
    return nadir_cross_entropy_loss(g, field.f32, target, weight, options);
  };
  REFUSED(entropy(field.index, field.four, nullptr), NADIR_E_SHAPE, "weight \"four\"", "wants [3]");
  REFUSED(entropy(field.i32, NADIR_NONE, nullptr), NADIR_E_SHAPE, "\"i32\" is [2, 3]", "the shape [2]");
  REFUSED(entropy(field.mask, NADIR_NONE, nullptr), NADIR_E_DTYPE, "\"mask\"", "u8", "i32 or i64");
  REFUSED(entropy(field.three, NADIR_NONE, nullptr), NADIR_E_SHAPE, "logits \"f32\"", "\"three\"");
  REFUSED(entropy(field.index, NADIR_NONE, "label_smoothing=1.5"), NADIR_E_ARGUMENT, "label_smoothing is 1.5",
          "0 to 1");
  REFUSED(entropy(field.index, NADIR_NONE, "label_smoothing=-0.1"), NADIR_E_ARGUMENT, "label_smoothing is -0.1");
  REFUSED(entropy(field.index, NADIR_NONE, "label_smoothing=nan"), NADIR_E_ARGUMENT, "label_smoothing is nan");
  REFUSED(entropy(field.index, field.f64, nullptr), NADIR_E_DTYPE, "\"f64\"", "f32");
  REFUSED(entropy(field.f64, NADIR_NONE, nullptr), NADIR_E_DTYPE, "\"f64\"", "f32");
  REFUSED(nadir_cross_entropy_loss(g, field.batched_line, field.index, NADIR_NONE, nullptr), NADIR_E_SHAPE,
          "\"batched_line\"", "constant classes");
  REFUSED(nadir_nll_loss(g, field.f32, field.index, NADIR_NONE, "label_smoothing=0"), NADIR_E_ARGUMENT,
          "label_smoothing");
  REFUSED(nadir_nll_loss(g, field.f32, field.index, field.four, nullptr), NADIR_E_SHAPE, "weight \"four\"",
          "wants [3]");
  REFUSED(entropy(field.index, NADIR_NONE, "ignore_index=x"), NADIR_E_ARGUMENT, "ignore_index=x", "whole number");
  REFUSED(nadir_cross_entropy_loss(g, field.scalar, field.index, NADIR_NONE, nullptr), NADIR_E_SHAPE, "\"scalar\"",
          "classes");
  REFUSED(nadir_nll_loss(g, field.f32, field.f32, NADIR_NONE, nullptr), NADIR_E_DTYPE, "\"f32\"", "i32 or i64");
  REFUSED(nadir_bce_with_logits_loss(g, field.f32, field.f32, field.four, nullptr), NADIR_E_SHAPE, "\"four\"");
  REFUSED(nadir_cosine_embedding_loss(g, field.f32, field.f32, field.three, nullptr), NADIR_E_SHAPE, "\"three\"",
          "[2]");
  REFUSED(nadir_cosine_embedding_loss(g, field.f32, field.three, field.index, nullptr), NADIR_E_SHAPE, "\"three\"",
          "equal");
  REFUSED(nadir_triplet_margin_loss(g, field.f32, field.f32, field.three, nullptr), NADIR_E_SHAPE,
          "negative \"three\"");
  REFUSED(nadir_triplet_margin_loss(g, field.f32, field.f32, field.f32, "eps=-1"), NADIR_E_ARGUMENT, "eps is -1");
  REFUSED(nadir_triplet_margin_loss(g, field.f32, field.f32, field.f32, "swap=2"), NADIR_E_ARGUMENT, "swap");
  REFUSED(nadir_triplet_margin_loss(g, field.f32, field.f32, field.f32, "p=0"), NADIR_E_ARGUMENT, "p is 0", "over 0");
  REFUSED(nadir_triplet_margin_loss(g, field.scalar, field.scalar, field.scalar, nullptr), NADIR_E_SHAPE, "\"scalar\"",
          "vectors");
}

int main() {
  const CMUnitTest tests[] = {
      FIELD_TEST(every_operation_is_called_here),
      FIELD_TEST(operations_without_a_graph_make_nothing),
      FIELD_TEST(operations_on_no_node_make_nothing),
      FIELD_TEST(operations_refuse_nodes_of_another_graph),
      FIELD_TEST(a_chain_tells_its_first_failure),
      FIELD_TEST(floats_are_wanted_where_there_is_arithmetic),
      FIELD_TEST(masks_are_wanted_where_there_is_logic),
      FIELD_TEST(mixed_dtypes_are_refused_by_name),
      FIELD_TEST(an_index_is_an_integer),
      FIELD_TEST(dtypes_are_those_that_there_are),
      FIELD_TEST(axes_are_those_of_the_operand),
      FIELD_TEST(axes_are_distinct),
      FIELD_TEST(a_permutation_has_all_axes),
      FIELD_TEST(shapes_that_do_not_fit_are_refused),
      FIELD_TEST(an_index_of_elements_is_nowhere_longer_than_the_operand),
      FIELD_TEST(convolutions_refuse_what_does_not_fit),
      FIELD_TEST(pooling_refuses_what_does_not_fit),
      FIELD_TEST(losses_refuse_what_does_not_fit),
      FIELD_TEST(slices_step_on),
      FIELD_TEST(splits_sum_to_the_length),
      FIELD_TEST(joins_have_something_to_join),
      FIELD_TEST(arrays_are_there_if_they_have_a_count),
      FIELD_TEST(padding_ends_with_the_operand),
      FIELD_TEST(counts_of_elements_are_not_negative),
      FIELD_TEST(the_batch_is_cut_in_whole_batches),
      FIELD_TEST(what_is_not_for_the_batch_is_refused_on_it),
      FIELD_TEST(ranks_end_at_eight),
      FIELD_TEST(results_end_at_2_to_63_bytes),
      FIELD_TEST(options_are_those_that_there_are),
      FIELD_TEST(probabilities_are_between_0_and_1),
      FIELD_TEST(norms_want_dimensions_that_are_there),
      FIELD_TEST(groups_divide_the_channels),
      FIELD_TEST(embeddings_have_rows_and_columns),
      FIELD_TEST(recurrence_wants_sequences),
      FIELD_TEST(attention_wants_operands_that_fit),
      FIELD_TEST(heads_divide_the_embedding),
      OPERATION_TEST(results_below_2_to_63_bytes_are_possible),
      OPERATION_TEST(the_gradient_check_wants_a_loss_of_f64),
      OPERATION_TEST(the_gradient_check_tells_what_differs),
      OPERATION_TEST(the_gradient_check_leaves_gradients_alone),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
