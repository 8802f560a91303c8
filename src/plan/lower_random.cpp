// Random numbers: a key from the graph's seed and the node's name.
#include "base/random.h"
#include "kernels/portable.h"
#include "ops/random.h"
#include "plan/lowering.h"
#include "plan/resolve.h"

namespace nadir {

namespace {

Kernel random_kernel(RandomAttributes::Kind kind, DType dtype) noexcept {
  switch (kind) {
    case RandomAttributes::Kind::kUniform: return uniform_kernel(dtype);
    case RandomAttributes::Kind::kNormal: return normal_kernel(dtype);
    case RandomAttributes::Kind::kBernoulli: break;
  }
  return bernoulli_kernel(dtype);
}

void resolve_random(const Step& step, const Resolution& at, Record& record, Nest*) noexcept {
  record.kernel = random_kernel(static_cast<RandomAttributes::Kind>(step.variant), step.out.dtype);
  record.arguments.random = {
      at.address(step.out), step.count.at(at.batch), step.key, {step.numbers[0], step.numbers[1]}, step.mean,
      at.memory.state};
}

}  // namespace

void lower_random(Lowering& lowering, NodeIndex index) {
  lowering.use_state();
  const Node& node = lowering.graph()[index];
  const auto attributes = node.attributes.as<RandomAttributes>();
  Step step;
  step.resolver = resolve_random;
  step.variant = static_cast<std::uint8_t>(attributes.kind);
  step.key = random_key(lowering.graph().seed(), node.name());
  step.numbers = attributes.numbers;
  step.mean = attributes.mean;
  step.count = node.shape.count();
  step.out = lowering.destination(index, false).view;
  lowering.emit(step);
}

}  // namespace nadir
