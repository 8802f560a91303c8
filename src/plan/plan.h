// A plan: what a session computes, as a flat list of steps over places in memory, for any batch up to a maximum. It does not
// change once compiled, and knows nothing of addresses: `resolve` turns a step into a record for one batch size and one
// session's memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

#include "base/convolution.h"
#include "graph/graph.h"
#include "kernels/ids.h"
#include "plan/view.h"

namespace nadir {

struct Fusion;
struct Nest;
struct Record;
struct Resolution;

struct Step {
  // What fusion and reports know of a step. Sums and extremes may be fused; other reductions are not.
  enum class Kind : std::uint8_t {
    kOther,
    kLane,
    kSum,
    kExtreme,
    kFused,
    kReduction,
    kProduct,
    kConvolution,
    kPooling,
    kIndexing
  };

  // Turns the step into a record. `nest` is null unless may_nest; it must stay where it is.
  using Resolver = void (*)(const Step&, const Resolution&, Record&, Nest* nest) noexcept;

  Resolver resolver = nullptr;
  Kind kind = Kind::kOther;
  LaneId lane = LaneId::copy;
  bool may_nest = false;            // for some batch
  bool accumulate = false;          // add to what is there, where the kernel can
  bool rectifies = false;           // a product: no element is less than 0
  bool reverse = false;             // of a cumulative sum
  bool has_second_result = false;   // in[1] is written
  std::uint8_t variant = 0;         // which of a family's kernels
  NodeIndex node = 0;               // of which an index may be wrong
  NodeIndex origin = 0;             // the node that it was lowered for
  const char* what = nullptr;       // what it does, for reports; a static string
  std::uint64_t key = 0;            // of random numbers
  std::array<double, 2> numbers{};  // of a SCALED operation, or of random numbers
  double mean = 0;                  // of random numbers
  View out;
  std::array<View, 3> in;
  Place scratch;
  ConvGeometry conv{};
  // The operand as dense [outer, length, inner]; `count` indices; what a sum is divided by.
  Extent outer, length, inner, count, divisor;
  Extent row;                     // of an index or what is checked: so many elements
  std::int64_t scratch_step = 0;  // bytes from the scratch of one part to that of the next
  std::uint32_t fusion = 0;       // the number of a group among the plan's
};

// An input that the plan reads.
struct PlanInput {
  NodeIndex node;
  DType dtype;
  Extent elements;  // a power of 1: so many a row, and a row for each of the batch; a power of 0: in all, or none
  Place staging;    // where a session keeps what the host writes
};

// A result that the host may read.
struct PlanOutput {
  NodeIndex node;
  Place place;
  DType dtype;
  Extent count;
};

// What a state becomes when a step is committed.
struct PlanStateUpdate {
  DType dtype;
  std::size_t offset;  // in bytes, in its dtype's block
  std::size_t bytes;
  Place value;
};

// A stretch of parameters to update, in a dtype's block.
struct UpdateRange {
  DType dtype;
  std::int64_t first;
  std::int64_t count;
};

using Steps = std::pmr::vector<Step>;

struct Plan {
  explicit Plan(std::pmr::memory_resource* resource);
  Plan(Plan&&) noexcept;
  Plan& operator=(Plan&&) = delete;
  ~Plan();

  std::pmr::vector<PlanInput> inputs;
  std::pmr::vector<PlanOutput> outputs;  // the loss first, if there is one
  std::pmr::vector<UpdateRange> updates;
  std::pmr::vector<PlanStateUpdate> state_updates;

  Steps constants;  // depend on the batch alone: run when it changes
  Steps weights;    // depend on parameters alone: run when they have changed
  Steps forward;
  Steps backward;               // overwrites the gradients
  Steps accumulating_backward;  // adds to them
  std::pmr::vector<Fusion> fusions;

  struct ConstantData {
    Place place;
    const void* data;
    std::size_t bytes;
  };
  std::pmr::vector<ConstantData> constant_data;  // copied into the arena when it is made

  std::size_t arena_bytes = 0;
  bool has_loss = false;
  bool uses_state = false;  // of the session's steps: random numbers, whether it trains, wrong indices
};

// What a session wants.
struct Wanted {
  NodeIndex loss = kNoNode;
  std::span<const NodeIndex> outputs;
  std::int64_t max_batch = 1;
  std::int32_t parts = 1;  // that steps are cut into, for threads
};

// Compiles a plan. The graph gets the gradients of the loss as nodes: call it within a Transaction that is not kept.
Plan compile(Graph& graph, const Wanted& wanted);

}  // namespace nadir
