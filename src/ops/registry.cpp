#include "ops/registry.h"

#include "kernels/ids.h"

namespace nadir {

namespace {

constexpr auto describe_input = nullptr;
constexpr auto describe_param = nullptr;
constexpr auto describe_state = nullptr;
constexpr auto describe_training = nullptr;

constexpr Op kOps[] = {
#define LEAF(name) {#name, static_cast<int>(OpId::name), -1, nullptr, describe_##name},
#define UNARY(name) {#name, static_cast<int>(OpId::name), static_cast<int>(LaneId::name), name##_gradient, nullptr},
#define SCALED(name) \
  {#name, static_cast<int>(OpId::name), static_cast<int>(LaneId::name), name##_gradient, describe_numbers},
#define BINARY(name) {#name, static_cast<int>(OpId::name), static_cast<int>(LaneId::name), name##_gradient, nullptr},
#define TEST(name) {#name, static_cast<int>(OpId::name), static_cast<int>(LaneId::name), nullptr, nullptr},
#define COMPARE(name) {#name, static_cast<int>(OpId::name), static_cast<int>(LaneId::name), nullptr, nullptr},
#define LOGICAL(name) {#name, static_cast<int>(OpId::name), static_cast<int>(LaneId::name), nullptr, nullptr},
#define OTHER(name) {#name, static_cast<int>(OpId::name), -1, name##_gradient, describe_##name},
#include "ops/registry.def"
};

}  // namespace

const Op& op(OpId id) noexcept { return kOps[static_cast<int>(id)]; }

}  // namespace nadir
