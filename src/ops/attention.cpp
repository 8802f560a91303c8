#include "ops/attention.h"

#include <cmath>
#include <limits>

#include "ops/along_axis.h"
#include "ops/building.h"
#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/layer.h"
#include "ops/matmul.h"
#include "ops/random.h"
#include "ops/reduction.h"
#include "ops/shaping.h"
#include "ops/slicing.h"

namespace nadir {

namespace {

// The keys up to a query's own number. `axis`, negative, is that of the lengths.
Expr causal_mask(Expr query, Expr key, int axis) {
  const Dim rows = constant_dim(query, "query", query.shape().rank() + axis);
  const Dim columns = constant_dim(key, "key", key.shape().rank() + axis);
  return tril(full(query.graph(), DType::kU8, constant_shape({rows.factor(), columns.factor()}), 1), 0);
}

// The same as what is added: as long as no other mask is given every query has a key that counts, so that no row is without.
Expr added_causal_mask(Expr query, Expr key, int axis) {
  const Expr mask = causal_mask(query, key, axis);
  const Expr zero = scalar(query.graph(), query.dtype(), 0);
  return where(mask, zero, scalar(query.graph(), query.dtype(), -std::numeric_limits<double>::infinity()));
}

// Which scores count, and what is added to them; each may be none.
struct Masks {
  Expr allowed;
  Expr added;

  void allow(Expr mask) { allowed = allowed.is_none() ? mask : logical_and(allowed, mask); }

  // After the other masks.
  void allow_causally(Expr query, Expr key, int axis) {
    if (allowed.is_none() && added.is_none()) {
      added = added_causal_mask(query, key, axis);
    } else {
      allow(causal_mask(query, key, axis));
    }
  }
};

// `is_causal`: those above the diagonal will not count.
Expr scores_of(Expr query, Expr key, double factor, bool is_causal) {
  return matmul(scale(query, factor), key, false, true, is_causal ? Lower::kResult : Lower::kNone);
}

// `is_causal`: weights above the diagonal are 0.
Expr weighted(Expr weights, Expr value, bool is_causal) {
  return matmul(weights, value, false, false, is_causal ? Lower::kA : Lower::kNone);
}

Expr weights_of(Expr scores, const Masks& masks, double probability) {
  if (!masks.added.is_none()) scores = add(scores, masks.added);
  Expr weights;
  if (masks.allowed.is_none()) {
    weights = softmax(scores, -1);
  } else {
    // So low that its exponential is 0, but finite: where no key counts the weights are 0 and not NaN.
    const double low = 0.5 * (scores.dtype() == DType::kF32 ? double{std::numeric_limits<float>::lowest()}
                                                            : std::numeric_limits<double>::lowest());
    weights = softmax(where(masks.allowed, scores, filled_like(scores, low)), -1);
    weights = where(masks.allowed, weights, filled_like(weights, 0));
  }
  return probability > 0 ? dropout(weights, probability) : weights;
}

void check_equal(Expr a, const char* a_role, int a_axis, Expr b, const char* b_role, int b_axis) {
  if (a.shape()[a.shape().rank() + a_axis] == b.shape()[b.shape().rank() + b_axis]) return;
  fail(Status::kShape, a_role, ' ', a, ", ", b_role, ' ', b, "; wants dimension ", a_axis, " of ", a_role,
       " to be dimension ", b_axis, " of ", b_role);
}

void check_operand(Expr x, const char* role, Expr like, int least_rank, int most_rank) {
  check_float(x, role);
  check_same_dtype(like, x);
  const int rank = x.shape().rank();
  if (rank < least_rank || rank > most_rank) {
    fail(Status::kShape, role, ' ', x, "; wants a rank of ", least_rank, " to ", most_rank);
  }
}

void check_leading(Expr a, const char* a_role, Expr b, const char* b_role) {
  Shape shapes[2];
  for (int axis = 0; axis + 2 < a.shape().rank(); ++axis) shapes[0].append(a.shape()[axis]);
  for (int axis = 0; axis + 2 < b.shape().rank(); ++axis) shapes[1].append(b.shape()[axis]);
  if (broadcast(shapes[0], shapes[1])) return;
  fail(Status::kShape, a_role, ' ', a, ", ", b_role, ' ', b, "; wants leading dimensions that broadcast");
}

// Throws unless a mask is one, or numbers to be added.
void check_attention_mask(Expr mask, Expr x) {
  if (mask.dtype() == DType::kU8 || mask.dtype() == x.dtype()) return;
  fail(Status::kDType, "attn_mask \"", mask.node().name(), "\" is ", name_of(mask.dtype()), "; wants u8 or ",
       name_of(x.dtype()));
}

void check_shape(Expr mask, const char* role, const Shape& wanted) {
  if (mask.shape() != wanted) fail(Status::kShape, role, ' ', mask, "; wants ", wanted);
}

// x wᵀ + bias, which may be none: of matrices, so that it is one product.
Expr linear_of(Expr x, Expr weight, Expr bias) {
  Expr y = matmul(as_matrix(x), weight, false, true);
  if (!bias.is_none()) y = add(y, bias);
  Shape shape = x.shape();
  shape[shape.rank() - 1] = weight.shape()[0];
  return reshape(y, shape);
}

// How the heads lie in what a layer is given.
struct MultiHead {
  std::int64_t size;
  std::int64_t heads;
  bool batch_first;
  bool has_batch;

  std::int64_t head_size() const noexcept { return size / heads; }

  // Projections of x, side by side, as heads of head_size.
  Expr as_heads(Expr x) const {
    if (!has_batch) x = unsqueeze(x, 0);
    Shape shape = x.shape();
    shape[2] = Dim::constant(shape[2].factor() / head_size());
    shape.append(Dim::constant(head_size()));
    return reshape(x, shape);
  }

  // [batch, heads, length, head_size] of the projection number `number` of those.
  Expr head_by_head(Expr x, std::int64_t number) const {
    x = slice(x, 2, number * heads, Dim::constant(heads));
    return batch_is_first() ? transpose(x, 1, 2) : permute(x, PermuteAttributes{{1, 2, 0, 3}});
  }

  // The other way.
  Expr side_by_side(Expr x) const {
    x = batch_is_first() ? transpose(x, 1, 2) : permute(x, PermuteAttributes{{2, 0, 1, 3}});
    Shape shape;
    for (int axis = has_batch ? 0 : 1; axis < 2; ++axis) shape.append(x.shape()[axis]);
    shape.append(Dim::constant(size));
    return reshape(x, shape);
  }

  bool batch_is_first() const noexcept { return batch_first || !has_batch; }
};

}  // namespace

Expr scaled_dot_product_attention(Expr query, Expr key, Expr value, Expr mask, Options& options) {
  check_operand(query, "query", query, 2, kMaxRank);
  check_operand(key, "key", query, 2, kMaxRank);
  check_operand(value, "value", query, 2, kMaxRank);
  const auto size = static_cast<double>(features_of(query, "query"));
  const double factor = options.number("scale", 1 / std::sqrt(size));
  const bool is_causal = options.flag("is_causal", false);
  const double probability = parse_dropout(options, "dropout_p");
  options.finish();
  check_equal(query, "query", -1, key, "key", -1);
  check_equal(key, "key", -2, value, "value", -2);
  check_leading(query, "query", key, "key");

  const Expr scores = scores_of(query, key, factor, is_causal);
  check_leading(scores, "query · keyᵀ", value, "value");
  Masks masks;
  if (!mask.is_none()) {
    check_attention_mask(mask, query);
    const auto common = broadcast(mask.shape(), scores.shape());
    if (!common || *common != scores.shape()) {
      fail(Status::kShape, "attn_mask ", mask, "; wants a shape that broadcasts to ", scores.shape());
    }
    (mask.dtype() == DType::kU8 ? masks.allowed : masks.added) = mask;
  }
  if (is_causal) masks.allow_causally(query, key, -2);
  return weighted(weights_of(scores, masks, probability), value, is_causal);
}

MultiHeadOutputs multi_head_attention(const char* name, const MultiHeadInputs& inputs, std::int64_t heads,
                                      Options& options) {
  const double probability = parse_dropout(options, "dropout");
  const bool has_bias = options.flag("bias", true);
  const bool batch_first = options.flag("batch_first", false);
  const bool is_causal = options.flag("is_causal", false);
  const bool is_average = options.flag("average_attn_weights", true);
  options.finish();
  const auto [query, key, value, key_padding_mask, attn_mask] = inputs;
  const int rank = query.shape().rank();
  check_operand(query, "query", query, 2, 3);
  check_operand(key, "key", query, rank, rank);
  check_operand(value, "value", query, rank, rank);
  const bool has_batch = rank == 3;
  const int length_axis = has_batch && batch_first ? -2 : -rank;
  const int batch_axis = batch_first ? -3 : -2;
  const std::int64_t size = features_of(query, "query");
  const std::int64_t key_size = features_of(key, "key");
  const std::int64_t value_size = features_of(value, "value");
  check_equal(key, "key", length_axis, value, "value", length_axis);
  if (has_batch) {
    check_equal(query, "query", batch_axis, key, "key", batch_axis);
    check_equal(query, "query", batch_axis, value, "value", batch_axis);
  }
  check_at_least("num_heads", heads, 1);
  if (size % heads != 0) {
    fail(Status::kShape, "query ", query, ": num_heads is ", heads, "; wants a divisor of the embedding's size, ",
         size);
  }

  Graph& graph = query.graph();
  const DType dtype = query.dtype();
  const Layer layer(graph, name, "multi_head_attention");
  const bool has_one_size = key_size == size && value_size == size;
  Expr packed;
  if (has_one_size)
    packed = layer.param("in_proj_weight", dtype, constant_shape({3 * size, size}), xavier_uniform(size, 3 * size));
  Expr bias;
  const auto weight_of = [&](int number, const char* part, std::int64_t features) {
    if (has_one_size) return slice(packed, 0, number * size, Dim::constant(size));
    return layer.param(part, dtype, constant_shape({size, features}), xavier_uniform(features, size));
  };
  // Of one x all three are one product.
  const bool is_one = has_one_size && query.index() == key.index() && query.index() == value.index();
  Expr weights[3];
  if (!is_one) {
    weights[0] = weight_of(0, "q_proj_weight", size);
    weights[1] = weight_of(1, "k_proj_weight", key_size);
    weights[2] = weight_of(2, "v_proj_weight", value_size);
  }
  if (has_bias) bias = layer.param("in_proj_bias", dtype, constant_shape({3 * size}), {});
  const MultiHead multi = {size, heads, batch_first, has_batch};
  const Expr all = is_one ? multi.as_heads(linear_of(query, packed, bias)) : Expr();
  const auto projected = [&](Expr x, int number) {
    if (is_one) return multi.head_by_head(all, number);
    const Expr part = has_bias ? slice(bias, 0, number * size, Dim::constant(size)) : Expr();
    return multi.head_by_head(multi.as_heads(linear_of(x, weights[number], part)), 0);
  };
  const Expr q = projected(query, 0);
  const Expr k = projected(key, 1);
  const Expr v = projected(value, 2);

  const auto head_size = static_cast<double>(multi.head_size());
  const Expr scores = scores_of(q, k, 1 / std::sqrt(head_size), is_causal);
  const Shape shape = scores.shape();  // [batch, heads, queries, keys]
  Masks masks;
  if (!attn_mask.is_none()) {
    check_attention_mask(attn_mask, query);
    Shape wanted;
    if (attn_mask.shape().rank() != 2) wanted.append(product_of(shape[0], heads, query));
    wanted.append(shape[2]);
    wanted.append(shape[3]);
    check_shape(attn_mask, "attn_mask", wanted);
    const Expr mask = wanted.rank() == 2 ? attn_mask : reshape(attn_mask, shape);
    if (mask.dtype() == DType::kU8) {
      masks.allow(logical_not(mask));
    } else {
      masks.added = mask;
    }
  }
  if (!key_padding_mask.is_none()) {
    check_mask(key_padding_mask, "key_padding_mask");
    Shape wanted;
    if (has_batch) wanted.append(shape[0]);
    wanted.append(shape[3]);
    check_shape(key_padding_mask, "key_padding_mask", wanted);
    Shape for_all = shape;
    for_all[1] = for_all[2] = Dim::constant(1);
    masks.allow(logical_not(reshape(key_padding_mask, for_all)));
  }
  if (is_causal) masks.allow_causally(query, key, length_axis);

  Expr attention = weights_of(scores, masks, probability);
  const Expr heads_joined = multi.side_by_side(weighted(attention, v, is_causal));
  const Expr out_weight = layer.param("out_proj.weight", dtype, constant_shape({size, size}), uniform_by_fan(size));
  const Expr out_bias = has_bias ? layer.param("out_proj.bias", dtype, constant_shape({size}), {}) : Expr();
  const Expr y = linear_of(heads_joined, out_weight, out_bias);
  AxisSet first, second;
  first.insert(0);
  second.insert(1);
  if (is_average) attention = mean(attention, second, false);
  if (!has_batch) attention = squeeze(attention, first);
  return {layer.finish(y), attention};
}

}  // namespace nadir
