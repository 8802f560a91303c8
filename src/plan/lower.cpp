// The table of what lowers each operation. The functions are in lower_<family>.cpp.
#include "ops/registry.h"
#include "plan/lowering.h"

namespace nadir {

namespace {

using Lower = void (*)(Lowering&, NodeIndex);

constexpr Lower kLowers[] = {
#define LEAF(name) lower_##name,
#define UNARY(name) lower_lane,
#define SCALED(name) lower_lane,
#define BINARY(name) lower_lane,
#define TEST(name) lower_lane,
#define COMPARE(name) lower_lane,
#define LOGICAL(name) lower_lane,
#define OTHER(name) lower_##name,
#include "ops/registry.def"
};

}  // namespace

void lower(Lowering& lowering, NodeIndex index) {
  kLowers[static_cast<int>(id_of(lowering.graph()[index]))](lowering, index);
}

}  // namespace nadir
