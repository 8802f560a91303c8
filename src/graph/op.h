// What the graph knows of an operation. The operations themselves, their shape rules and gradients, are in ops/.
#pragma once

namespace nadir {

class Expr;
class Text;
struct Backward;
struct Node;

struct Op {
  const char* name;
  int id;    // ops/registry.h: OpId
  int lane;  // kernels/ids.h: LaneId, or -1 for an operation that is not elementwise

  // The gradient with respect to one operand, built from other operations; null if there is none to build.
  Expr (*gradient)(const Backward&, int operand);

  // Appends the attributes for dumps, after the operands if there are any; null if there are none.
  void (*describe)(Text&, const Node&);
};

}  // namespace nadir
