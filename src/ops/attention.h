// Attention: means of values, weighted by how well their keys fit a query.
#pragma once

#include "base/options.h"
#include "ops/expr.h"

namespace nadir {

// A mask may be none.
Expr scaled_dot_product_attention(Expr query, Expr key, Expr value, Expr mask, Options& options);

struct MultiHeadInputs {
  Expr query, key, value;
  Expr key_padding_mask;  // this and the next may be none
  Expr attn_mask;
};

struct MultiHeadOutputs {
  Expr y;
  Expr weights;
};

// A null name is derived.
MultiHeadOutputs multi_head_attention(const char* name, const MultiHeadInputs& inputs, std::int64_t heads,
                                      Options& options);

}  // namespace nadir
