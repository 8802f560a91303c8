// What a step moves and computes, by formulas that anyone can follow by hand: for profiles, dumps and tests of fusion.
#pragma once

#include <cstdint>
#include <type_traits>

#include "plan/fusion.h"
#include "plan/plan.h"

namespace nadir {

// The memory of a view, in bytes from its region's start.
struct Stretch {
  Place place;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t bytes = 0;  // of its elements, each counted once however often it is repeated

  bool meets(const Stretch& other) const noexcept {
    return place.region == other.place.region && place.index == other.place.index && begin < other.end &&
           other.begin < end;
  }
  bool contains(const Stretch& other) const noexcept {
    return meets(other) && begin <= other.begin && other.end <= end;
  }
};

Stretch stretch_of(const View& view, std::int64_t batch) noexcept;

// A step's operand in memory, or its result there.
struct Access {
  Stretch stretch;
  bool writes;
};

struct Cost {
  std::uint64_t bytes = 0;
  std::uint64_t flops = 0;
};

// A function object by reference.
class AccessVisitor {
 public:
  template <class F>
  requires(!std::is_same_v<F, AccessVisitor>) AccessVisitor(F& f)
  noexcept : f_(&f), call_([](void* object, const Access& access) { (*static_cast<F*>(object))(access); }) {}
  void operator()(const Access& access) const { call_(f_, access); }

 private:
  void* f_;
  void (*call_)(void*, const Access&);
};

// A step's result, and one of its operands, which some reductions describe by their counts alone.
Stretch result_of(const Step& step, std::int64_t batch) noexcept;
Stretch operand_of(const Step& step, std::size_t number, std::int64_t batch) noexcept;

// What a step reads and writes, in its order. What lies in a register is not in memory, and what an earlier member of a fused step
// wrote is not read.
void each_access(const Plan& plan, const Step& step, std::int64_t batch, AccessVisitor visit) noexcept;

// The bytes of the memory that the step reads and of that which it writes. What is part of something else that it reads does not
// count again; working memory does not count.
//
// The floating point operations: 2 m n k of a product of matrices, 2 a tap, channel and element of the result of a convolution, one
// an element of what a reduction reads, one a tap of a pooling's window, one an element of the result of a lane function that is
// no copy, and one an element that is added by its index.
Cost cost_of(const Plan& plan, const Step& step, std::int64_t batch) noexcept;

}  // namespace nadir
