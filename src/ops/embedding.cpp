#include "ops/embedding.h"

#include <cstring>
#include <limits>

#include "ops/building.h"
#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/layer.h"
#include "ops/shaping.h"

namespace nadir {

namespace {

void set_row_to_zero(Expr table, std::int64_t row) {
  Parameters& parameters = table.graph().parameters();
  const std::size_t bytes = static_cast<std::size_t>(table.shape()[1].factor()) * size_of(table.dtype());
  std::memset(parameters.values(*parameters.find(table.index())) + static_cast<std::size_t>(row) * bytes, 0, bytes);
}

}  // namespace

Expr embedding(const char* name, Expr index, std::int64_t rows, std::int64_t columns, Options& options) {
  constexpr std::int64_t kNoPadding = std::numeric_limits<std::int64_t>::min();
  const std::int64_t given = options.integer("padding_idx", kNoPadding, kNoPadding);
  const DType dtype = options.choice("dtype", {"f32", "f64"}, 0) == 0 ? DType::kF32 : DType::kF64;
  options.finish();
  check_at_least("num_embeddings", rows, 1);
  check_at_least("embedding_dim", columns, 1);
  if (given != kNoPadding && (given < -rows || given >= rows)) {
    fail(Status::kArgument, "padding_idx is ", given, "; wants ", -rows, " to ", rows - 1);
  }

  const Layer layer(index.graph(), name, "embedding");
  const Expr table = layer.param("weight", dtype, constant_shape({rows, columns}), {Initializer::Kind::kNormal, 0, 1});
  Expr y = index_select(table, 0, index);
  if (given != kNoPadding) {
    const std::int64_t padding = given < 0 ? given + rows : given;
    set_row_to_zero(table, padding);
    const Expr row = scalar(index.graph(), index.dtype(), static_cast<double>(padding));
    // Where the padding is read, its row is learned from nothing.
    y = where(unsqueeze(eq(index, row), -1), stop_gradient(y), y);
  }
  return layer.finish(y);
}

}  // namespace nadir
