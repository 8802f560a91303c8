#include "harness.h"

#include <algorithm>
#include <cstring>

namespace operations {

namespace {

std::string number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", x);
  return text;
}

template <class T>
void pack(const Array& values, unsigned char* to) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const T value = static_cast<T>(values.storage()[i]);
    std::memcpy(to + i * sizeof value, &value, sizeof value);
  }
}

template <class T>
void unpack(const unsigned char* from, Array& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, from + i * sizeof value, sizeof value);
    values.storage()[i] = static_cast<double>(value);
  }
}

Bytes bytes_of(std::size_t size) { return {std::make_unique<unsigned char[]>(std::max<std::size_t>(size, 1)), size}; }

std::size_t count_of(const Shape& shape) {
  std::size_t count = 1;
  for (const std::int64_t length : shape) count *= static_cast<std::size_t>(length);
  return count;
}

}  // namespace

GraphPtr new_graph() {
  GraphPtr graph(nadir_graph_new(nullptr));
  require(graph != nullptr, "no graph");
  return graph;
}

nadir_node made(const nadir_graph* graph, nadir_node node) {
  require(node != NADIR_NONE, std::string("no node: ") + nadir_graph_error(graph));
  return node;
}

SessionPtr new_session(nadir_graph* graph, nadir_node loss, const Nodes& outputs, std::int64_t max_batch,
                       const char* options) {
  const auto count = static_cast<std::int32_t>(outputs.size());
  SessionPtr session(nadir_session_new(graph, loss, outputs.data(), count, max_batch, options));
  require(session != nullptr, std::string("no session: ") + nadir_graph_error(graph));
  return session;
}

void ok(const nadir_session* session, nadir_status status) {
  if (status != NADIR_OK) throw Failure(std::string(nadir_status_name(status)) + ": " + nadir_session_error(session));
}

void ok(const nadir_graph* graph, nadir_status status) {
  if (status != NADIR_OK) throw Failure(std::string(nadir_status_name(status)) + ": " + nadir_graph_error(graph));
}

// --------------------------------------------------------------------------------------------------------- values

Bytes packed(const Array& values, nadir_dtype dtype) {
  Bytes bytes = bytes_of(values.size() * nadir_dtype_size(dtype));
  switch (dtype) {
    case NADIR_F32: pack<float>(values, bytes.data.get()); break;
    case NADIR_F64: pack<double>(values, bytes.data.get()); break;
    case NADIR_I32: pack<std::int32_t>(values, bytes.data.get()); break;
    case NADIR_I64: pack<std::int64_t>(values, bytes.data.get()); break;
    case NADIR_U8: pack<std::uint8_t>(values, bytes.data.get()); break;
    default: throw Failure("no dtype");
  }
  return bytes;
}

Array unpacked(const Bytes& bytes, nadir_dtype dtype, const Shape& shape) {
  Array values = array_of(shape);
  switch (dtype) {
    case NADIR_F32: unpack<float>(bytes.data.get(), values); break;
    case NADIR_F64: unpack<double>(bytes.data.get(), values); break;
    case NADIR_I32: unpack<std::int32_t>(bytes.data.get(), values); break;
    case NADIR_I64: unpack<std::int64_t>(bytes.data.get(), values); break;
    case NADIR_U8: unpack<std::uint8_t>(bytes.data.get(), values); break;
    default: throw Failure("no dtype");
  }
  return values;
}

nadir_status write(nadir_session* session, nadir_node input, nadir_dtype dtype, const Array& values) {
  const Bytes bytes = packed(values, dtype);
  return nadir_session_write(session, input, bytes.data.get(), bytes.size);
}

Array read(nadir_session* session, const nadir_graph* graph, nadir_node node, std::int64_t batch) {
  const nadir_dtype dtype = nadir_graph_node_dtype(graph, node);
  const Shape shape = with_batch(shape_of(graph, node), batch);
  Bytes bytes = bytes_of(count_of(shape) * nadir_dtype_size(dtype));
  ok(session, nadir_session_read(session, node, bytes.data.get(), bytes.size));
  return unpacked(bytes, dtype, shape);
}

Array gradient(const nadir_session* session, const nadir_graph* graph, nadir_node param) {
  const nadir_dtype dtype = nadir_graph_node_dtype(graph, param);
  const Shape shape = shape_of(graph, param);
  Bytes bytes = bytes_of(count_of(shape) * nadir_dtype_size(dtype));
  ok(session, nadir_grad_get(session, param, bytes.data.get(), bytes.size));
  return unpacked(bytes, dtype, shape);
}

void set(nadir_graph* graph, nadir_node param, const Array& values) {
  const Bytes bytes = packed(values, nadir_graph_node_dtype(graph, param));
  ok(graph, nadir_param_set(graph, param, bytes.data.get(), bytes.size));
}

Shape shape_of(const nadir_graph* graph, nadir_node node) {
  std::int64_t shape[NADIR_MAX_RANK];
  std::int32_t rank = 0;
  require(nadir_graph_node_shape(graph, node, shape, NADIR_MAX_RANK, &rank) == NADIR_OK, "no shape");
  return {shape, shape + rank};
}

Array sampled(const Operand& operand, std::int64_t batch) {
  Array values = array_of(with_batch(operand.shape, batch));
  for (std::size_t i = 0; i < values.size(); ++i) values.storage()[i] = operand.samples(i);
  return values;
}

nadir_node input(nadir_graph* graph, nadir_dtype dtype, const Shape& shape, const char* name) {
  return made(graph, nadir_input_add(graph, name, dtype, shape.data(), static_cast<std::int32_t>(shape.size())));
}

nadir_node param(nadir_graph* graph, nadir_dtype dtype, const Array& values, const char* name) {
  const Shape shape = shape_of(values);
  const nadir_node node =
      made(graph, nadir_param_add(graph, name, dtype, shape.data(), static_cast<std::int32_t>(shape.size()), nullptr));
  set(graph, node, values);
  return node;
}

nadir_node constant(nadir_graph* graph, nadir_dtype dtype, const Array& values, const char* name) {
  const Shape shape = shape_of(values);
  const Bytes bytes = packed(values, dtype);
  return made(graph, nadir_constant_add(graph, name, dtype, shape.data(), static_cast<std::int32_t>(shape.size()),
                                        bytes.data.get(), bytes.size));
}

nadir_node sum_of(nadir_graph* graph, nadir_node x) { return made(graph, nadir_sum(graph, x, nullptr, 0, nullptr)); }

const char* name_of(nadir_dtype dtype) { return nadir_dtype_name(dtype); }

bool same_bits(double a, double b) { return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof a) == 0; }

bool same_bits(const Array& a, const Array& b) {
  if (a.shape() != b.shape()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same_bits(a.storage()[i], b.storage()[i])) return false;
  }
  return true;
}

bool is_near(double got, double wanted, double tolerance, double floor) {
  if (std::isnan(wanted) || std::isinf(wanted) || got == wanted) return same_bits(got, wanted) || got == wanted;
  return std::fabs(got - wanted) <= tolerance * std::max(floor, std::fabs(wanted));
}

void require_near(const Array& got, const Array& wanted, double tolerance, const std::string& where, double floor) {
  require(got.shape() == wanted.shape(),
          where + ": shape " + text_of(shape_of(got)) + ", not " + text_of(shape_of(wanted)));
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (is_near(got.storage()[i], wanted.storage()[i], tolerance, floor)) continue;
    throw Failure(where + ", element " + std::to_string(i) + ": " + number(got.storage()[i]) + ", not " +
                  number(wanted.storage()[i]));
  }
}

void require_same(const Array& got, const Array& wanted, const std::string& where) {
  require(got.shape() == wanted.shape(),
          where + ": shape " + text_of(shape_of(got)) + ", not " + text_of(shape_of(wanted)));
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (same_bits(got.storage()[i], wanted.storage()[i])) continue;
    throw Failure(where + ", element " + std::to_string(i) + ": " + number(got.storage()[i]) + ", not the same as " +
                  number(wanted.storage()[i]));
  }
}

}  // namespace operations
