// The plan: views, and memory by liveness.
#include <algorithm>
#include <memory_resource>
#include <random>
#include <vector>

#include "graph/graph.h"
#include "ops/along_axis.h"
#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/leaves.h"
#include "ops/matmul.h"
#include "ops/random.h"
#include "ops/reduction.h"
#include "ops/shaping.h"
#include "ops/slicing.h"
#include "plan/fusion.h"
#include "plan/memory.h"
#include "plan/plan.h"
#include "plan/resolve.h"
#include "plan/view.h"
#include "unit.h"

namespace {

using namespace nadir;

Shape shape_of(std::initializer_list<std::int64_t> dims) {
  Shape shape;
  for (const std::int64_t dim : dims) shape.append(dim < 0 ? Dim::batch(-dim) : Dim::constant(dim));
  return shape;
}

// -------------------------------------------------------------------------------------------------------- views

void broadcast_view_repeats_without_moving(void**) {
  const View row = View::dense({}, DType::kF32, shape_of({3}));
  const View view = row.broadcast_to(shape_of({-1, 4, 3}));
  assert_int_equal(view.strides[0].factor, 0);
  assert_int_equal(view.strides[1].factor, 0);
  assert_int_equal(view.strides[2].factor, 1);
  assert_false(view.is_dense());
}

void strides_count_the_batch(void**) {
  const View view = View::dense({}, DType::kF32, shape_of({5, -2, 3}));
  assert_int_equal(view.strides[0].at(7), 2 * 7 * 3);
  assert_int_equal(view.strides[1].at(7), 3);
}

void dense_views_take_any_shape(void**) {
  const View view = View::dense({}, DType::kF32, shape_of({-1, 6}));
  const auto reshaped = view.reshaped(shape_of({-3, 2}));
  assert_true(reshaped && reshaped->is_dense());
}

void broadcast_views_take_shapes_that_only_add_ones(void**) {
  const View view = View::dense({}, DType::kF32, shape_of({3})).broadcast_to(shape_of({-1, 3}));
  const auto reshaped = view.reshaped(shape_of({1, -1, 1, 3}));
  assert_true(reshaped.has_value());
  assert_int_equal(reshaped->strides[1].factor, 0);
  assert_int_equal(reshaped->strides[3].factor, 1);
  assert_false(view.reshaped(shape_of({-3})).has_value());
}

void slices_and_permutations_move_nothing(void**) {
  const View view = View::dense({}, DType::kF32, shape_of({4, -1, 6}));
  const View every_second = view.sliced(2, 5, 0, -2, Dim::constant(3));
  assert_int_equal(every_second.strides[2].factor, -2);
  assert_int_equal(every_second.offset.at(7), 5);
  // The last of a batch of 7: number 6, of 6 elements each.
  const View backwards = view.sliced(1, -1, 1, -1, Dim::batch(1));
  assert_int_equal(backwards.offset.at(7), 6 * 6);
  assert_int_equal(backwards.strides[1].at(7), -6);
  const View turned = view.permuted({2, 0, 1});
  assert_int_equal(turned.strides[1].at(7), 7 * 6);
  assert_true(turned.shape == shape_of({6, 4, -1}));
}

void slice_of_leading_rows_is_dense(void**) {
  const View view = View::dense({}, DType::kF32, shape_of({4, 6})).sliced(0, 1, 0, 1, Dim::constant(2));
  const auto flat = view.reshaped(shape_of({12}));
  assert_true(flat && flat->is_dense());
  assert_int_equal(flat->offset.at(1), 6);
}

// ------------------------------------------------------------------------------------------------------- memory

bool overlap(const Buffer& a, const Buffer& b) {
  const bool in_time = (a.variants & b.variants) != 0 && a.first <= b.last && b.first <= a.last;
  const bool in_space = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
  return in_time && in_space;
}

void buffers_alive_together_never_overlap(void**) {
  std::mt19937 engine(3);
  for (int round = 0; round < 50; ++round) {
    std::pmr::vector<Buffer> buffers;
    for (int i = 0; i < 60; ++i) {
      Buffer buffer;
      buffer.bytes = engine() % 5000;
      buffer.first = static_cast<std::int32_t>(engine() % 40);
      buffer.last = buffer.first + static_cast<std::int32_t>(engine() % 10);
      buffer.variants = static_cast<std::uint8_t>(1 + engine() % 3);
      buffers.push_back(buffer);
    }
    const std::size_t total = place_buffers(buffers, std::pmr::get_default_resource());
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      assert_true(buffers[i].offset + buffers[i].bytes <= total);
      assert_int_equal(buffers[i].offset % kArenaAlignment, 0);
      for (std::size_t j = i + 1; j < buffers.size(); ++j) assert_false(overlap(buffers[i], buffers[j]));
    }
  }
}

void buffers_of_a_chain_share_two_places(void**) {
  std::pmr::vector<Buffer> buffers;
  for (std::int32_t i = 0; i < 20; ++i) buffers.push_back({1024, i, i + 1, 3, 0});
  assert_int_equal(place_buffers(buffers, std::pmr::get_default_resource()), 2 * 1024);
}

void buffers_of_the_two_backward_variants_share(void**) {
  std::pmr::vector<Buffer> buffers{{1024, 0, 9, 1, 0}, {1024, 0, 9, 2, 0}};
  assert_int_equal(place_buffers(buffers, std::pmr::get_default_resource()), 1024);
}

void buffers_over_others_have_their_place(void**) {
  std::pmr::vector<Buffer> buffers;
  for (std::int32_t i = 0; i < 20; ++i) buffers.push_back({1024, i, i + 1, 3, 0});
  for (std::uint32_t i = 1; i < 20; ++i) buffers[i].over = i - 1;
  buffers.push_back({512, 3, 5, 3, 0});
  assert_int_equal(place_buffers(buffers, std::pmr::get_default_resource()), 1024 + 512);
  for (std::uint32_t i = 1; i < 20; ++i) assert_int_equal(buffers[i].offset, buffers[0].offset);
  assert_false(overlap(buffers[4], buffers[20]));
}

// ------------------------------------------------------------------------------------------------------ compile

struct Fixture {
  Host* host = Host::create(kRuntimeAllocator);
  Graph* graph = make<Graph>(*host, Ref<Host>::adopt(host));
  ~Fixture() { Ref<Graph>::adopt(graph); }
};

void what_nothing_wants_is_left_out(void**) {
  Fixture f;
  const Expr x = input(*f.graph, "x", DType::kF32, shape_of({-1, 4}));
  const Expr wanted = neg(x);
  square(square(x));
  const NodeIndex outputs[] = {wanted.index()};
  const Plan plan = compile(*f.graph, {kNoNode, outputs, 8});
  assert_int_equal(plan.forward.size(), 1);
  assert_int_equal(plan.backward.size(), 0);
}

void what_depends_on_no_input_is_computed_once_a_batch(void**) {
  Fixture f;
  const Expr w = param(*f.graph, "w", DType::kF64, shape_of({}), {});
  const Expr x = input(*f.graph, "x", DType::kF64, shape_of({-1}));
  const Expr loss = mean(square(mul(x, w)), AxisSet::all(1), false);
  const NodeIndex root = loss.index();
  Graph::Transaction temporary(*f.graph);
  const Plan plan = compile(*f.graph, {root, {}, 8});
  // The gradient's factor 2 / batch: the batch, its reciprocal, its double.
  assert_int_equal(plan.constants.size(), 3);
  // 2 / batch * (x w), times x, and the sum over the batch.
  assert_int_equal(plan.backward.size(), 1);
  assert_int_equal(plan.fusions[plan.backward[0].fusion].members.size(), 3);
}

// The number of steps that the outputs take.
std::size_t steps_of(Graph& graph, std::initializer_list<Expr> outputs) {
  std::vector<NodeIndex> nodes;
  for (const Expr& output : outputs) nodes.push_back(output.index());
  return compile(graph, {kNoNode, nodes, 8}).forward.size();
}

void elementwise_steps_and_sums_of_rows_are_one(void**) {
  Fixture f;
  const Expr x = input(*f.graph, "x", DType::kF32, shape_of({-1, 10}));
  const Expr row = input(*f.graph, "row", DType::kF32, shape_of({10}));
  assert_int_equal(steps_of(*f.graph, {softmax(square(add(x, row)), 1)}), 1);
  assert_int_equal(steps_of(*f.graph, {mean(square(sub(x, row)), AxisSet::all(2), false)}), 1);
  // Rows that are longer than a strip are reduced by themselves.
  const Expr long_rows = input(*f.graph, "long", DType::kF32, shape_of({-1, 5000}));
  assert_true(steps_of(*f.graph, {softmax(long_rows, 1)}) > 1);
}

// Only what others read has a place in memory.
void what_only_a_group_reads_takes_no_memory(void**) {
  Fixture f;
  const Expr x = input(*f.graph, "x", DType::kF32, shape_of({-1}));
  Expr y = x;
  for (int i = 0; i < 6; ++i) y = exp(neg(y));
  const NodeIndex outputs[] = {y.index()};
  const Plan plan = compile(*f.graph, {kNoNode, outputs, 1 << 20});
  assert_int_equal(plan.forward.size(), 1);
  const std::size_t values = (std::size_t{1} << 20) * sizeof(float);
  assert_true(plan.arena_bytes <= 2 * values + 64 * 1024);  // of x and of y
}

// A product in between needs what the first wrote.
void a_group_ends_where_others_need_its_results(void**) {
  Fixture f;
  const Expr x = input(*f.graph, "x", DType::kF32, shape_of({4, 4}));
  const Expr squared = square(x);
  const Expr product = matmul(squared, squared, false, false);
  assert_int_equal(steps_of(*f.graph, {mul(product, neg(squared))}), 3);
  // What is turned by a group's own results cannot be of the group.
  assert_int_equal(steps_of(*f.graph, {add(squared, transpose(squared, 0, 1))}), 2);
}

void bias_rides_with_its_product(void**) {
  Fixture f;
  const Expr x = input(*f.graph, "x", DType::kF32, shape_of({-1, 4}));
  const Expr w = param(*f.graph, "w", DType::kF32, shape_of({4, 2}), {});
  const Expr b = param(*f.graph, "b", DType::kF32, shape_of({2}), {});
  const Expr y = add(matmul(x, w, false, false), b);
  const NodeIndex outputs[] = {y.index()};
  const Plan plan = compile(*f.graph, {kNoNode, outputs, 8});
  assert_int_equal(plan.forward.size(), 1);
  assert_true(plan.forward[0].in[0].shape.rank() == 2);
  assert_true(plan.forward[0].in[2].place.region == Place::Region::kParameter);
}

void relu_rides_with_its_product(void**) {
  Fixture f;
  Graph& g = *f.graph;
  const Expr x = input(g, "x", DType::kF32, shape_of({-1, 4}));
  const Expr w = param(g, "w", DType::kF32, shape_of({4, 2}), {});
  const Expr b = param(g, "b", DType::kF32, shape_of({2}), {});
  const Expr bare = matmul(x, w, false, false);
  const Expr biased = add(matmul(x, w, false, false), b);
  assert_int_equal(steps_of(g, {relu(bare)}), 1);
  assert_int_equal(steps_of(g, {relu(biased)}), 1);
  // Not where the product, or the sum, is read as well.
  assert_int_equal(steps_of(g, {relu(bare), bare}), 2);
  assert_int_equal(steps_of(g, {relu(biased), biased}), 2);
  assert_int_equal(steps_of(g, {relu(biased), neg(biased)}), 2);
}

void product_that_is_read_keeps_its_bias_apart(void**) {
  Fixture f;
  const Expr x = input(*f.graph, "x", DType::kF32, shape_of({-1, 4}));
  const Expr w = param(*f.graph, "w", DType::kF32, shape_of({4, 2}), {});
  const Expr b = param(*f.graph, "b", DType::kF32, shape_of({2}), {});
  const Expr product = matmul(x, w, false, false);
  const NodeIndex outputs[] = {product.index(), add(product, b).index()};
  const Plan plan = compile(*f.graph, {kNoNode, outputs, 8});
  assert_int_equal(plan.forward.size(), 2);
}

// What reads strides reads them where the elements are.
void arrangements_cost_no_step(void**) {
  Fixture f;
  const Expr x = input(*f.graph, "x", DType::kF32, shape_of({4, -1}));
  const Expr turned = slice(transpose(x, 0, 1), Slice::parse(transpose(x, 0, 1), 1, 3, kOpen, -2));
  const Expr y = mul(turned, flip(turned, AxisSet::all(2)));
  const NodeIndex outputs[] = {y.index()};
  assert_int_equal(compile(*f.graph, {kNoNode, outputs, 8}).forward.size(), 1);
}

// Set one after the other, slices cost a copy of all once.
void chain_of_sets_copies_once(void**) {
  Fixture f;
  Expr x = input(*f.graph, "x", DType::kF32, shape_of({8, 3}));
  const Expr row = input(*f.graph, "row", DType::kF32, shape_of({3}));
  for (int i = 0; i < 5; ++i) x = slice_set(x, Slice::parse(x, 0, i, i + 1, 1), row);
  const NodeIndex outputs[] = {x.index()};
  assert_int_equal(compile(*f.graph, {kNoNode, outputs, 8}).forward.size(), 6);
}

// What was computed for nobody else is changed where it is.
void result_for_a_set_alone_is_not_copied(void**) {
  Fixture f;
  const Expr x = input(*f.graph, "x", DType::kF32, shape_of({8, 3}));
  const Expr row = input(*f.graph, "row", DType::kF32, shape_of({3}));
  const Expr changed = slice_set(neg(x), Slice::parse(x, 0, 0, 1, 1), row);
  const NodeIndex outputs[] = {changed.index()};
  assert_int_equal(compile(*f.graph, {kNoNode, outputs, 8}).forward.size(), 2);
  // A view of an input is the input's memory.
  const Expr of_view = slice_set(reshape(x, shape_of({3, 8})), Slice::parse(x, 0, 0, 1, 1),
                                 input(*f.graph, "r", DType::kF32, shape_of({8})));
  const NodeIndex of_input[] = {of_view.index()};
  assert_int_equal(compile(*f.graph, {kNoNode, of_input, 8}).forward.size(), 2);
}

// A set whose result is read as well must not be overwritten by the next.
void set_that_is_read_is_kept(void**) {
  Fixture f;
  const Expr x = input(*f.graph, "x", DType::kF32, shape_of({8, 3}));
  const Expr row = input(*f.graph, "row", DType::kF32, shape_of({3}));
  const Expr first = slice_set(x, Slice::parse(x, 0, 0, 1, 1), row);
  const Expr second = slice_set(first, Slice::parse(x, 0, 1, 2, 1), row);
  const NodeIndex outputs[] = {first.index(), second.index()};
  assert_int_equal(compile(*f.graph, {kNoNode, outputs, 8}).forward.size(), 4);
}

// Additions and copies in the backward pass of a loss that reads the first `pieces` of four rows of a parameter.
std::int64_t copies_of_pieces(int pieces) {
  Fixture f;
  const Expr w = param(*f.graph, "w", DType::kF32, shape_of({4, 6}), {});
  const Expr x = input(*f.graph, "x", DType::kF32, shape_of({6}));
  Expr loss;
  for (int i = 0; i < pieces; ++i) {
    const Expr part = sum(mul(slice(w, 0, i, Dim::constant(1)), x), AxisSet::all(2), false);
    loss = loss.is_none() ? part : add(loss, part);
  }
  const NodeIndex root = loss.index();
  Graph::Transaction temporary(*f.graph);
  const Plan plan = compile(*f.graph, {root, {}, 1});
  std::int64_t copies = 0;
  for (const Step& step : plan.backward) {
    if (step.resolver != resolve_lane) continue;
    assert_true(step.lane != LaneId::add);
    copies += step.lane == LaneId::copy ? 1 : 0;
  }
  return copies;
}

// Nothing is copied where a gradient is another value in another shape.
void gradient_of_a_reshaped_parameter_is_computed_in_its_place(void**) {
  Fixture f;
  const Expr x = param(*f.graph, "x", DType::kF32, shape_of({4, 2, 3}), {});
  const Expr w = input(*f.graph, "w", DType::kF32, shape_of({3, 5}));
  const Expr weights = input(*f.graph, "weights", DType::kF32, shape_of({8, 5}));
  const Expr y = matmul(reshape(x, shape_of({8, 3})), w, false, false);
  const NodeIndex loss = sum(mul(y, weights), AxisSet::all(2), false).index();
  Graph::Transaction temporary(*f.graph);
  const Plan plan = compile(*f.graph, {loss, {}, 1});
  for (const Steps* steps : {&plan.backward, &plan.accumulating_backward}) {
    assert_int_equal(steps->size(), 1);
    assert_true(steps->front().kind == Step::Kind::kProduct);
    assert_true(steps->front().out.place.region == Place::Region::kGradient);
  }
}

// The gradients of a value's pieces are set side by side: a fill, a step a piece, and no sum. Where they leave nothing between
// there is no fill either, and they are set where the gradient belongs.
void gradients_of_pieces_cost_one_pass(void**) {
  assert_int_equal(copies_of_pieces(3), 1 + 3 + 1);  // and one to where the gradient belongs
  assert_int_equal(copies_of_pieces(4), 4);
}

// ---------------------------------------------------------------------------------------------- gradients of activations

// The steps, and members of steps, of a phase that compute a lane function.
int count_lane(const Plan& plan, const Steps& steps, LaneId lane) {
  int count = 0;
  for (const Step& step : steps) {
    if (step.kind == Step::Kind::kLane) count += step.lane == lane ? 1 : 0;
    if (step.kind != Step::Kind::kFused) continue;
    for (const FusedMember& member : plan.fusions[step.fusion].members) {
      count += member.step.kind == Step::Kind::kLane && member.step.lane == lane ? 1 : 0;
    }
  }
  return count;
}

// The plan of loss = Σ sin f(w), and maybe of another node that `also` makes of f(w).
template <class F, class Also>
Plan plan_of(Fixture& f, F activation, Also also) {
  const Expr w = param(*f.graph, "w", DType::kF32, shape_of({40}), {});
  const Expr y = activation(w);
  const NodeIndex loss = sum(sin(y), AxisSet::all(1), false).index();
  const NodeIndex other = also(y).index();
  const NodeIndex outputs[] = {loss, other};
  Graph::Transaction temporary(*f.graph);
  return compile(*f.graph, {loss, outputs, 1});
}

void gradient_of_an_activation_is_one_step(void**) {
  const auto nothing = [](Expr y) { return y; };
  Fixture of_relu;
  const Plan relus = plan_of(
      of_relu, [](Expr x) { return relu(x); }, nothing);
  assert_int_equal(count_lane(relus, relus.backward, LaneId::relu_slope), 1);
  assert_int_equal(count_lane(relus, relus.backward, LaneId::where), 0);
  assert_int_equal(count_lane(relus, relus.backward, LaneId::le), 0);
  Fixture of_tanh;
  const Plan tanhs = plan_of(
      of_tanh, [](Expr x) { return tanh(x); }, nothing);
  assert_int_equal(count_lane(tanhs, tanhs.backward, LaneId::tanh_slope), 1);
  assert_int_equal(count_lane(tanhs, tanhs.backward, LaneId::neg), 0);
  Fixture of_sigmoid;
  const Plan sigmoids = plan_of(
      of_sigmoid, [](Expr x) { return sigmoid(x); }, nothing);
  assert_int_equal(count_lane(sigmoids, sigmoids.backward, LaneId::sigmoid_slope), 1);
  assert_int_equal(count_lane(sigmoids, sigmoids.backward, LaneId::neg), 0);
}

void check_exchanged(Expr (*compare)(Expr, Expr), LaneId lane) {
  Fixture f;
  const Expr a = input(*f.graph, "a", DType::kF32, shape_of({40}));
  const Expr b = input(*f.graph, "b", DType::kF32, shape_of({40}));
  const NodeIndex outputs[] = {compare(a, b).index()};
  const Plan plan = compile(*f.graph, {kNoNode, outputs, 1});
  assert_int_equal(plan.forward.size(), 1);
  const Step& step = plan.forward[0];
  assert_int_equal(static_cast<int>(step.lane), static_cast<int>(lane));
  assert_true(step.in[0].place.region == Place::Region::kInput && step.in[0].place.index == 1);
  assert_true(step.in[1].place.region == Place::Region::kInput && step.in[1].place.index == 0);
}

void greater_is_less_of_exchanged_operands(void**) {
  check_exchanged(gt, LaneId::lt);
  check_exchanged(ge, LaneId::le);
}

// What the host reads is computed, though it looks like a part of such a gradient.
void parts_of_a_gradient_that_are_read_stay(void**) {
  Fixture f;
  const Expr x = input(*f.graph, "x", DType::kF32, shape_of({40}));
  const Expr gy = input(*f.graph, "gy", DType::kF32, shape_of({40}));
  const Expr rest = add_scalar(neg(square(x)), 1);
  const NodeIndex outputs[] = {(gy * rest).index(), rest.index()};
  const Plan plan = compile(*f.graph, {kNoNode, outputs, 1});
  assert_int_equal(count_lane(plan, plan.forward, LaneId::tanh_slope), 0);
  assert_int_equal(count_lane(plan, plan.forward, LaneId::mul), 1);
  const NodeIndex product[] = {(gy * rest).index()};
  const Plan alone = compile(*f.graph, {kNoNode, product, 1});
  assert_int_equal(count_lane(alone, alone.forward, LaneId::tanh_slope), 1);
}

// 1 - y² of another number than 1, and y (1 - z) of another z, are something else.
void what_only_resembles_a_gradient_is_none(void**) {
  Fixture f;
  const Expr x = input(*f.graph, "x", DType::kF32, shape_of({40}));
  const Expr z = input(*f.graph, "z", DType::kF32, shape_of({40}));
  const Expr gy = input(*f.graph, "gy", DType::kF32, shape_of({40}));
  const Expr zero = filled_like(x, 0);
  const NodeIndex outputs[] = {(gy * add_scalar(neg(square(x)), 2)).index(), (gy * (x * add_scalar(neg(z), 1))).index(),
                               where(lt(x, zero), zero, gy).index(), where(le(x, zero), filled_like(x, 1), gy).index(),
                               where(le(x, z), zero, gy).index()};
  const Plan plan = compile(*f.graph, {kNoNode, outputs, 1});
  for (const LaneId lane : {LaneId::tanh_slope, LaneId::sigmoid_slope, LaneId::relu_slope})
    assert_int_equal(count_lane(plan, plan.forward, lane), 0);
}

// ---------------------------------------------------------------------------------------------------- equal values

void equal_operations_are_computed_once(void**) {
  Fixture f;
  Graph& g = *f.graph;
  const Expr x = input(g, "x", DType::kF32, shape_of({-1, 4}));
  const Expr y = input(g, "y", DType::kF32, shape_of({-1, 4}));
  const Expr w = param(g, "w", DType::kF32, shape_of({4, 4}), {});
  assert_int_equal(steps_of(g, {matmul(x, w, false, false), matmul(x, w, false, false)}), 1);
  assert_int_equal(steps_of(g, {matmul(x, w, false, false), matmul(x, w, false, true)}), 2);
  // Of equal operands, however they were made.
  assert_int_equal(steps_of(g, {matmul(exp(add(x, y)), w, false, false), matmul(exp(add(y, x)), w, false, false)}), 2);
  assert_int_equal(steps_of(g, {matmul(exp(sub(x, y)), w, false, false), matmul(exp(sub(y, x)), w, false, false)}), 3);
  // Attributes and constants count.
  assert_int_equal(steps_of(g, {sum(x, AxisSet::all(2), false), sum(x, AxisSet::all(2), false)}), 1);
  const Expr pieces[] = {slice(w, 0, 1, Dim::constant(2)), slice(w, 0, 1, Dim::constant(2)),
                         slice(w, 0, 2, Dim::constant(2))};
  assert_int_equal(steps_of(g, {cumsum(pieces[0], 0, false), cumsum(pieces[1], 0, false)}), 1);
  assert_int_equal(steps_of(g, {cumsum(pieces[0], 0, false), cumsum(pieces[2], 0, false)}), 2);
  const auto plus = [&](double number) {
    return cumsum(add(x, broadcast_to(scalar(g, DType::kF32, number), x.shape())), 1, false);
  };
  assert_int_equal(steps_of(g, {plus(0.5), plus(0.5)}), 2);
  assert_int_equal(steps_of(g, {plus(0.5), plus(0.25)}), 3);
  assert_int_equal(steps_of(g, {plus(0.0), plus(-0.0)}), 3);
}

void random_numbers_are_not_merged(void**) {
  Fixture f;
  const Expr a = uniform(*f.graph, DType::kF32, shape_of({8}), 0, 1);
  const Expr b = uniform(*f.graph, DType::kF32, shape_of({8}), 0, 1);
  assert_int_equal(steps_of(*f.graph, {a, b}), 2);
}

// What changes nothing is no step; a copy where the host reads it. -0 + 0 is 0, and 0 - x is not -x.
void identities_cost_nothing(void**) {
  Fixture f;
  Graph& g = *f.graph;
  const Expr x = input(g, "x", DType::kF32, shape_of({-1, 4}));
  const Expr one = broadcast_to(scalar(g, DType::kF32, 1), x.shape());
  const Expr changed = neg(neg(div(mul(one, scale(mul(x, one), 1)), one)));
  assert_int_equal(steps_of(g, {cumsum(stop_gradient(cast(changed, DType::kF32)), 1, false)}), 1);
  assert_int_equal(steps_of(g, {changed}), 1);
  assert_int_equal(steps_of(g, {cumsum(scaled(OpId::add_scalar, x, {0, 0}), 1, false)}), 2);
  assert_int_equal(steps_of(g, {cumsum(div(one, x), 1, false)}), 2);
  assert_int_equal(steps_of(g, {cumsum(cast(cast(x, DType::kI32), DType::kF32), 1, false)}), 2);
}

// sigmoid(w) is the gradient of softplus(w), too. If it is small, or in memory anyway, the forward pass computes it for both; a
// large one, which would have to be kept, is computed from w again.
void backward_takes_what_forward_has(void**) {
  for (const bool is_large : {false, true}) {
    for (const bool is_read : {false, true}) {
      Fixture f;
      const Expr w = param(*f.graph, "w", DType::kF32, shape_of({is_large ? 1 << 16 : 1 << 10}), {});
      const Expr s = sigmoid(w);
      const AxisSet all = AxisSet::all(1);
      const Expr loss =
          add(sum(scaled(OpId::softplus, w, {1, 20}), all, false), sum(is_read ? s : stop_gradient(s), all, false));
      const NodeIndex root = loss.index();
      Graph::Transaction temporary(*f.graph);
      const Plan plan = compile(*f.graph, {root, {}, 1});
      assert_int_equal(count_lane(plan, plan.forward, LaneId::sigmoid), 1);
      const bool is_again = is_large && !is_read;
      assert_int_equal(count_lane(plan, plan.backward, LaneId::sigmoid), is_again ? 1 : 0);
      if (is_again) assert_true(plan.arena_bytes < (std::size_t{1} << 16) * sizeof(float));
    }
  }
}

// Two outputs of one value are read from one place; one that a product absorbed its bias for stays one product.
void merged_values_stay_what_they_were(void**) {
  Fixture f;
  Graph& g = *f.graph;
  const Expr x = input(g, "x", DType::kF32, shape_of({-1, 4}));
  const Expr w = param(g, "w", DType::kF32, shape_of({4, 2}), {});
  const Expr b = param(g, "b", DType::kF32, shape_of({2}), {});
  const auto layer = [&] { return add(matmul(x, w, false, false), b); };
  const NodeIndex outputs[] = {layer().index(), layer().index()};
  const Plan plan = compile(g, {kNoNode, outputs, 8});
  assert_int_equal(plan.forward.size(), 1);
  assert_int_equal(plan.outputs[0].place.bytes, plan.outputs[1].place.bytes);
  assert_int_equal(plan.outputs[1].node, outputs[1]);
  // A product that its equal's sum reads, but others as well, is not absorbed.
  assert_int_equal(steps_of(g, {matmul(x, w, false, false), layer()}), 2);
}

// ------------------------------------------------------------------------------------------------ results over operands

// The arena, without the input's memory, in values of [1024, 1024].
double values_held(Graph& graph, Expr y) {
  const NodeIndex outputs[] = {y.index()};
  const Plan plan = compile(graph, {kNoNode, outputs, 1});
  return static_cast<double>(plan.arena_bytes) / (1024.0 * 1024 * sizeof(float)) - 1;
}

void results_take_the_place_of_operands_that_die(void**) {
  Fixture f;
  Graph& g = *f.graph;
  const Shape shape = shape_of({1024, 1024});
  const Expr x = input(g, "x", DType::kF32, shape);
  const Expr w = param(g, "w", DType::kF32, shape, {});
  const Expr row = param(g, "row", DType::kF32, shape_of({1024}), {});
  const auto times = [&](Expr a) { return matmul(a, w, false, false); };
  const Expr product = times(x);
  const auto is_about = [](double got, double wanted) { return got >= wanted && got < wanted + 0.4; };
  // A step, and a group with strips.
  assert_true(is_about(values_held(g, exp(product)), 1));
  assert_true(is_about(values_held(g, mul(exp(product), row)), 1));
  // The host's input stays, and so does what another step or a later member needs otherwise.
  assert_true(is_about(values_held(g, exp(x)), 1));
  assert_true(is_about(values_held(g, add(product, transpose(product, 0, 1))), 2));
  assert_true(is_about(values_held(g, times(add(exp(product), times(product)))), 2));
  // Elements of another size or kind have another place.
  assert_true(is_about(values_held(g, cast(product, DType::kI32)), 2));
  assert_true(is_about(values_held(g, cast(product, DType::kF64)), 3));
  // A constant is there for the next step.
  const Expr constant = cumsum(broadcast_to(scalar(g, DType::kF32, 1), shape), 0, false);
  const NodeIndex read[] = {mul(x, constant).index()};
  const Plan plan = compile(g, {kNoNode, read, 1});
  assert_int_equal(plan.forward.size(), 1);
  assert_true(plan.forward[0].in[1].place.bytes != plan.forward[0].out.place.bytes);
  // Of two that die, one is overwritten.
  assert_true(is_about(values_held(g, mul(product, times(product))), 2));
}

// ------------------------------------------------------------------------------------------------ what is known beforehand

// Arithmetic on what is repeated is made once for all that it is repeated for.
void repeated_operands_give_a_repeated_result(void**) {
  Fixture f;
  Graph& g = *f.graph;
  const Shape shape = shape_of({-1, 64});
  const Expr x = input(g, "x", DType::kF32, shape);
  const Expr row = broadcast_to(input(g, "row", DType::kF32, shape_of({64})), shape);
  const Expr number = broadcast_to(input(g, "number", DType::kF32, shape_of({})), shape);
  const Expr y = matmul(x, exp(mul(row, number)), true, false);
  const NodeIndex outputs[] = {y.index()};
  const Plan plan = compile(g, {kNoNode, outputs, 1000});
  for (const Step& step : plan.forward) {
    if (step.kind == Step::Kind::kLane) assert_true(step.out.shape == shape_of({1, 64}));
  }
  assert_true(count_lane(plan, plan.forward, LaneId::exp) == 1);
  // What the host reads is there, and one column or row of a result is not all of it.
  const NodeIndex read[] = {mul(row, number).index(), mul(x, number).index()};
  for (const Step& step : compile(g, {kNoNode, read, 8}).forward) {
    if (step.kind == Step::Kind::kLane) assert_true(step.out.shape == shape);
  }
}

// Constants are computed when the batch changes. Those that only others are made from share memory with the values of a step, and what
// kernels need without repetition is laid out with them.
void constants_keep_what_steps_read(void**) {
  Fixture f;
  Graph& g = *f.graph;
  const std::int64_t many = 4096;
  const Expr x = input(g, "x", DType::kF32, shape_of({many}));
  const Expr tall = cumsum(broadcast_to(scalar(g, DType::kF32, 0.5), shape_of({many})), 0, false);
  const Expr total = sum(cumsum(tall, 0, true), AxisSet::all(1), false);
  const NodeIndex outputs[] = {mul(cumsum(x, 0, false), broadcast_to(total, x.shape())).index()};
  const Plan plan = compile(g, {kNoNode, outputs, 1});
  assert_true(plan.constants.size() >= 3);
  // The input, the cumulative sum and the result; of the constants one number.
  assert_true(plan.arena_bytes <= 3 * static_cast<std::size_t>(many) * sizeof(float) + 256);

  const Expr index = input(g, "index", DType::kI64, shape_of({4}));
  const Expr ones = broadcast_to(scalar(g, DType::kF32, 1), shape_of({4}));
  const NodeIndex added[] = {index_add(x, 0, index, ones).index()};
  const Plan adding = compile(g, {kNoNode, added, 1});
  assert_int_equal(adding.constants.size(), 1);
  assert_int_equal(adding.forward.size(), 2);  // a copy of x, and the additions
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(broadcast_view_repeats_without_moving),
      cmocka_unit_test(strides_count_the_batch),
      cmocka_unit_test(dense_views_take_any_shape),
      cmocka_unit_test(broadcast_views_take_shapes_that_only_add_ones),
      cmocka_unit_test(buffers_alive_together_never_overlap),
      cmocka_unit_test(buffers_of_a_chain_share_two_places),
      cmocka_unit_test(buffers_of_the_two_backward_variants_share),
      cmocka_unit_test(buffers_over_others_have_their_place),
      cmocka_unit_test(what_nothing_wants_is_left_out),
      cmocka_unit_test(what_depends_on_no_input_is_computed_once_a_batch),
      cmocka_unit_test(elementwise_steps_and_sums_of_rows_are_one),
      cmocka_unit_test(what_only_a_group_reads_takes_no_memory),
      cmocka_unit_test(a_group_ends_where_others_need_its_results),
      cmocka_unit_test(bias_rides_with_its_product),
      cmocka_unit_test(relu_rides_with_its_product),
      cmocka_unit_test(product_that_is_read_keeps_its_bias_apart),
      cmocka_unit_test(slices_and_permutations_move_nothing),
      cmocka_unit_test(slice_of_leading_rows_is_dense),
      cmocka_unit_test(arrangements_cost_no_step),
      cmocka_unit_test(chain_of_sets_copies_once),
      cmocka_unit_test(result_for_a_set_alone_is_not_copied),
      cmocka_unit_test(set_that_is_read_is_kept),
      cmocka_unit_test(gradient_of_a_reshaped_parameter_is_computed_in_its_place),
      cmocka_unit_test(gradients_of_pieces_cost_one_pass),
      cmocka_unit_test(gradient_of_an_activation_is_one_step),
      cmocka_unit_test(greater_is_less_of_exchanged_operands),
      cmocka_unit_test(parts_of_a_gradient_that_are_read_stay),
      cmocka_unit_test(what_only_resembles_a_gradient_is_none),
      cmocka_unit_test(equal_operations_are_computed_once),
      cmocka_unit_test(random_numbers_are_not_merged),
      cmocka_unit_test(identities_cost_nothing),
      cmocka_unit_test(backward_takes_what_forward_has),
      cmocka_unit_test(merged_values_stay_what_they_were),
      cmocka_unit_test(results_take_the_place_of_operands_that_die),
      cmocka_unit_test(repeated_operands_give_a_repeated_result),
      cmocka_unit_test(constants_keep_what_steps_read),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
