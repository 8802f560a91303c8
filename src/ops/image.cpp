#include "ops/image.h"

#include "ops/building.h"
#include "ops/layer.h"
#include "ops/shaping.h"

namespace nadir {

void check_most(Expr x, const char* what, std::int64_t given, std::int64_t most) {
  if (given > most) fail(Status::kShape, "x ", x, ": ", what, " is ", given, "; wants at most ", most);
}

const char* name_of_axis(bool is_row, int dims) {
  return dims == 1 ? "the length" : is_row ? "the height" : "the width";
}

std::int64_t image_channels(Expr x, int dims) {
  check_float(x, "x");
  const int rank = x.shape().rank();
  if (rank != dims + 1 && rank != dims + 2) {
    fail(Status::kShape, "x ", x, "; wants ",
         dims == 1 ? "[batch, channels, length] or [channels, length]"
                   : "[batch, channels, height, width] or [channels, height, width]");
  }
  for (int axis = rank - dims - 1; axis < rank; ++axis) constant_dim(x, "x", axis);
  return x.shape()[rank - dims - 1].factor();
}

Expr as_image(Expr x, int dims) {
  const Shape& shape = x.shape();
  Shape image;
  image.append(shape.rank() == dims + 2 ? shape[0] : Dim::constant(1));
  image.append(shape[shape.rank() - dims - 1]);
  image.append(dims == 2 ? shape[shape.rank() - 2] : Dim::constant(1));
  image.append(shape[shape.rank() - 1]);
  return reshape(x, image);
}

Expr from_image(Expr image, Expr x, int dims) {
  Shape shape;
  if (x.shape().rank() == dims + 2) shape.append(image.shape()[0]);
  for (int axis = 1; axis < 4; ++axis) {
    if (axis != 2 || dims == 2) shape.append(image.shape()[axis]);
  }
  return reshape(image, shape);
}

}  // namespace nadir
