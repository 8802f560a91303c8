// Which steps are fused: groups of steps over one domain, each of which may be moved up to the others.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

#include "plan/plan.h"

namespace nadir {

inline constexpr std::size_t kMostMembers = 24;

// What is accessed as one: a buffer, or a parameter's values or gradient.
struct Object {
  Place::Region region;
  std::uint32_t index;
  std::size_t bytes;
  bool operator==(const Object&) const = default;
};

inline Object object_of(const Place& place) noexcept {
  return {place.region, place.index, place.region == Place::Region::kBuffer ? 0 : place.bytes};
}

struct Use {
  Object object;
  bool writes;
  bool is_aligned;  // its elements one by one as the domain's, or its rows
  bool is_row;
};

using Uses = std::pmr::vector<Use>;

// A step, or a group of steps, in the new order.
struct StepGroup {
  std::pmr::vector<std::uint32_t> members;
  Uses uses;
  Shape domain;
  int row_rank = -1;
  bool is_open = false;           // takes more members
  bool is_group = false;          // has a domain
  std::ptrdiff_t recomputed = 0;  // so many members, the first, compute again what another group has computed
  bool has_columns = false;

  explicit StepGroup(std::pmr::memory_resource* resource) : members(resource), uses(resource) {}
};

using StepGroups = std::pmr::vector<StepGroup>;

// The steps in groups, in the new order.
StepGroups group(const Steps& steps, std::int64_t max_batch, std::pmr::memory_resource* resource);

// What the passes of fusion ask of steps and views.

// The strides of a view, without those of dimensions of length 1.
std::array<Extent, kMaxRank> squeezed_strides(const View& view) noexcept;
bool begins_its_object(const View& view) noexcept;
// Whether rows of the trailing dimensions are short enough for a strip.
bool rows_fit(const Shape& domain, int rank, std::int64_t max_batch) noexcept;
bool is_reduction(const Step& step) noexcept;
// Among reductions with a role in a group: of all elements, or of all rows.
bool is_total(const Step& step) noexcept;
bool is_columns(const Step& step) noexcept;

}  // namespace nadir
