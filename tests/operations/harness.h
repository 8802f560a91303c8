// What the tests of operations share: cmocka for C++, graphs and sessions that free themselves, and values of any dtype
// as doubles.
//
// A check that fails throws, so that everything is freed on the way out; `guarded` tells cmocka at the end.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <nadir/nadir.h>

#include "case.h"

// After all others: it has a macro `fail`.
extern "C" {
#include <cmocka.h>
}

namespace operations {

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void require(bool holds, const std::string& text) {
  if (!holds) throw Failure(text);
}

// Runs a test. cmocka leaves by longjmp, over whose way nothing may lie that wants to be destroyed.
template <class F>
void tell(F run) {
  static char message[1024];
  bool failed = false;
  try {
    run();
  } catch (const std::exception& failure) {
    std::snprintf(message, sizeof message, "%s", failure.what());
    failed = true;
  }
  if (failed) fail_msg("%s", message);
}

template <void (*Test)()>
void guarded(void**) {
  tell(Test);
}

// An entry of cmocka's list, by the name of a function without arguments.
#define OPERATION_TEST(function) \
  { #function, ::operations::guarded < function>, nullptr, nullptr, nullptr }

struct Free {
  void operator()(nadir_graph* graph) const { nadir_graph_free(graph); }
  void operator()(nadir_session* session) const { nadir_session_free(session); }
};

using GraphPtr = std::unique_ptr<nadir_graph, Free>;
using SessionPtr = std::unique_ptr<nadir_session, Free>;

GraphPtr new_graph();

// A node or session that must have been made, and a call that must have succeeded.
nadir_node made(const nadir_graph* graph, nadir_node node);
SessionPtr new_session(nadir_graph* graph, nadir_node loss, const Nodes& outputs, std::int64_t max_batch = 1,
                       const char* options = nullptr);
void ok(const nadir_session* session, nadir_status status);
void ok(const nadir_graph* graph, nadir_status status);

// --------------------------------------------------------------------------------------------------------- values

// The bytes of an array in a dtype, in a block of exactly their size, so that memory checkers see a byte too many.
struct Bytes {
  std::unique_ptr<unsigned char[]> data;
  std::size_t size = 0;
};

Bytes packed(const Array& values, nadir_dtype dtype);
Array unpacked(const Bytes& bytes, nadir_dtype dtype, const Shape& shape);

nadir_status write(nadir_session* session, nadir_node input, nadir_dtype dtype, const Array& values);
Array read(nadir_session* session, const nadir_graph* graph, nadir_node node, std::int64_t batch = 1);
Array gradient(const nadir_session* session, const nadir_graph* graph, nadir_node param);
void set(nadir_graph* graph, nadir_node param, const Array& values);

Shape shape_of(const nadir_graph* graph, nadir_node node);

Array sampled(const Operand& operand, std::int64_t batch);

nadir_node input(nadir_graph* graph, nadir_dtype dtype, const Shape& shape, const char* name = nullptr);
nadir_node param(nadir_graph* graph, nadir_dtype dtype, const Array& values, const char* name = nullptr);
nadir_node constant(nadir_graph* graph, nadir_dtype dtype, const Array& values, const char* name = nullptr);
nadir_node sum_of(nadir_graph* graph, nadir_node x);

const char* name_of(nadir_dtype dtype);

// Both NaN, or the same to the bit.
bool same_bits(double a, double b);
bool same_bits(const Array& a, const Array& b);

// Both NaN, equal, or not farther apart than `tolerance` times max(floor, |wanted|).
bool is_near(double got, double wanted, double tolerance, double floor = 1);

// Every element is near, and the shapes are equal.
void require_near(const Array& got, const Array& wanted, double tolerance, const std::string& where, double floor = 1);
void require_same(const Array& got, const Array& wanted, const std::string& where);

}  // namespace operations
