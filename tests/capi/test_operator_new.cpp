// Replaces the global operators new and delete, and with glibc malloc and its kin, by ones that count: with a host's
// allocator the library never calls operator new, and a step never calls anything.
//
// A library that has the C++ runtime linked in statically keeps its own operators; then only malloc can be seen. Under
// valgrind, which puts its own in place of all of them, the first test fails and the others mean nothing.
#include <cstdlib>
#include <cstring>
#include <new>

#include "ledger.h"
#include "support.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#if defined(__GLIBC__) && !defined(SANITIZED)
#define COUNTS_MALLOC 1
#else
#define COUNTS_MALLOC 0
#endif

#if defined(__GNUC__)
#define NEVER_INLINE __attribute__((noinline))
#else
#define NEVER_INLINE
#endif

namespace {

struct Counts {
  unsigned long news, deletes, mallocs, frees;
};

volatile Counts counts;

Counts now() {
  Counts copy;
  copy.news = counts.news;
  copy.deletes = counts.deletes;
  copy.mallocs = counts.mallocs;
  copy.frees = counts.frees;
  return copy;
}

}  // namespace

// ------------------------------------------------------------------------------------------------- malloc and its kin

#if COUNTS_MALLOC

#include <cerrno>

extern "C" {

void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);

void* malloc(size_t bytes) {
  counts.mallocs = counts.mallocs + 1;
  return __libc_malloc(bytes);
}

void* calloc(size_t count, size_t bytes) {
  counts.mallocs = counts.mallocs + 1;
  return __libc_calloc(count, bytes);
}

void* realloc(void* memory, size_t bytes) {
  counts.mallocs = counts.mallocs + 1;
  return __libc_realloc(memory, bytes);
}

void* memalign(size_t alignment, size_t bytes) {
  counts.mallocs = counts.mallocs + 1;
  return __libc_memalign(alignment, bytes);
}

void* aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }

int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  void* block = memalign(alignment, bytes);
  if (block == nullptr) return ENOMEM;
  *memory = block;
  return 0;
}

void free(void* memory) {
  counts.frees = counts.frees + 1;
  __libc_free(memory);
}

}  // extern "C"

#endif  // COUNTS_MALLOC

// ------------------------------------------------------------------------------------------------------- operator new

namespace {

// A block of any alignment from malloc, which is remembered before it.
void* take(std::size_t bytes, std::size_t alignment) {
  counts.news = counts.news + 1;
  if (alignment < sizeof(void*)) alignment = sizeof(void*);
  char* raw = static_cast<char*>(std::malloc(bytes + alignment + sizeof(void*)));
  if (raw == nullptr) return nullptr;
  const std::size_t first = reinterpret_cast<std::size_t>(raw) + sizeof(void*);
  char* block = raw + sizeof(void*) + (alignment - first % alignment) % alignment;
  std::memcpy(block - sizeof raw, &raw, sizeof raw);
  return block;
}

void* take_or_throw(std::size_t bytes, std::size_t alignment) {
  void* block = take(bytes, alignment);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

void give_back(void* block) {
  counts.deletes = counts.deletes + 1;
  if (block == nullptr) return;
  void* raw;
  std::memcpy(&raw, static_cast<char*>(block) - sizeof raw, sizeof raw);
  std::free(raw);
}

const std::size_t kUsual = 2 * sizeof(void*);

}  // namespace

NEVER_INLINE void* operator new(std::size_t bytes) { return take_or_throw(bytes, kUsual); }
NEVER_INLINE void* operator new[](std::size_t bytes) { return take_or_throw(bytes, kUsual); }
NEVER_INLINE void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return take(bytes, kUsual); }
NEVER_INLINE void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return take(bytes, kUsual); }
NEVER_INLINE void operator delete(void* block) noexcept { give_back(block); }
NEVER_INLINE void operator delete[](void* block) noexcept { give_back(block); }
NEVER_INLINE void operator delete(void* block, std::size_t) noexcept { give_back(block); }
NEVER_INLINE void operator delete[](void* block, std::size_t) noexcept { give_back(block); }
NEVER_INLINE void operator delete(void* block, const std::nothrow_t&) noexcept { give_back(block); }
NEVER_INLINE void operator delete[](void* block, const std::nothrow_t&) noexcept { give_back(block); }

#if defined(__cpp_aligned_new)
using std::align_val_t;
NEVER_INLINE void* operator new(std::size_t bytes, align_val_t to) { return take_or_throw(bytes, std::size_t(to)); }
NEVER_INLINE void* operator new[](std::size_t bytes, align_val_t to) { return take_or_throw(bytes, std::size_t(to)); }
NEVER_INLINE void* operator new(std::size_t bytes, align_val_t to, const std::nothrow_t&) noexcept {
  return take(bytes, std::size_t(to));
}
NEVER_INLINE void* operator new[](std::size_t bytes, align_val_t to, const std::nothrow_t&) noexcept {
  return take(bytes, std::size_t(to));
}
NEVER_INLINE void operator delete(void* block, align_val_t) noexcept { give_back(block); }
NEVER_INLINE void operator delete[](void* block, align_val_t) noexcept { give_back(block); }
NEVER_INLINE void operator delete(void* block, std::size_t, align_val_t) noexcept { give_back(block); }
NEVER_INLINE void operator delete[](void* block, std::size_t, align_val_t) noexcept { give_back(block); }
NEVER_INLINE void operator delete(void* block, align_val_t, const std::nothrow_t&) noexcept { give_back(block); }
NEVER_INLINE void operator delete[](void* block, align_val_t, const std::nothrow_t&) noexcept { give_back(block); }
#endif

// -------------------------------------------------------------------------------------------------------------- tests

namespace {

const double kX[] = {-2, -1, 0, 1, 2}, kT[] = {-4, -1, 2, 5, 8};

// A whole training step and a prediction, without the helpers, which allocate.
nadir_status step(const fit& f, size_t batch) {
  const size_t bytes = batch * sizeof(double);
  double values[5];
  nadir_status worst = NADIR_OK;
  const nadir_status all[] = {nadir_session_write(f.train, f.x, kX, bytes),
                              nadir_session_bind(f.train, f.t, kT, bytes),
                              nadir_zero_grad(f.train),
                              nadir_forward(f.train),
                              nadir_backward(f.train),
                              nadir_grad_get(f.train, f.w, values, sizeof values[0]),
                              nadir_sgd_step(f.train, 1e-9),
                              nadir_session_read(f.train, f.loss, values, sizeof values[0]),
                              nadir_session_write(f.predict, f.x, kX, bytes),
                              nadir_forward(f.predict),
                              nadir_session_read(f.predict, f.y, values, bytes)};
  for (size_t i = 0; i < COUNT_OF(all); ++i) worst = all[i] > worst ? all[i] : worst;
  return worst;
}

nadir_status steps(const fit& f) {
  nadir_status worst = NADIR_OK;
  for (size_t batch = 1; batch <= 5; ++batch) worst = worst > step(f, batch) ? worst : step(f, batch);
  for (size_t batch = 5; batch >= 1; --batch) worst = worst > step(f, batch) ? worst : step(f, batch);
  return worst;
}

// All builders, gradients, a name, a dump and sessions, without the helpers.
void build_and_train(const nadir_host* host) {
  const int64_t column[] = {NADIR_BATCH, 1}, line[] = {-1};
  char text[8192];
  fit f;
  std::memset(&f, 0, sizeof f);
  f.graph = nadir_graph_new(host);
  nadir_graph* g = f.graph;
  f.x = nadir_input_add(g, "x", NADIR_F64, column, 2);
  f.t = nadir_input_add(g, "t", NADIR_F64, column, 2);
  f.y = nadir_linear_add(g, "a layer whose name is too long for a short string", f.x, 1, nullptr);
  f.w = nadir_param_at(g, 0);
  const nadir_node more = nadir_param_add(g, nullptr, NADIR_F64, nullptr, 0, "init=uniform low=1 high=2");
  const nadir_node flat = nadir_reshape(g, nadir_square(g, nadir_neg(g, nadir_sub(g, f.y, more))), line, 1);
  const nadir_node extra = nadir_mean(
      g, nadir_div(g, flat, nadir_constant_add(g, nullptr, NADIR_F64, nullptr, 0, kT, 8)), nullptr, 0, "keepdim=0");
  const nadir_node product = nadir_sum(g, nadir_matmul(g, f.x, f.y, "transpose_a=1"), nullptr, 0, "");
  f.loss = nadir_add(g, nadir_mse_loss(g, f.y, f.t, nullptr),
                     nadir_mul(g, extra, nadir_broadcast_to(g, product, nullptr, 0)));
  nadir_node gradient;
  assert_ok(nadir_gradients(g, f.loss, NADIR_NONE, &f.w, 1, &gradient));
  assert_ok(nadir_graph_node_set_name(g, f.loss, "a loss whose name is too long for a short string"));
  assert_ok(nadir_graph_dump(g, "text", text, sizeof text, nullptr));
  assert_ok(nadir_graph_dump(g, "dot", text, sizeof text, nullptr));
  f.train = nadir_session_new(g, f.loss, &gradient, 1, 5, nullptr);
  f.predict = nadir_session_new(g, NADIR_NONE, &f.y, 1, 5, nullptr);
  assert_graph_ok(g);
  assert_ok(steps(f));
  fit_close(&f);
}

void operators_and_functions_count(void**) {
  const Counts before = now();
  int* volatile one = new int(1);  // volatile, so that no compiler leaves the pairs out
  void* volatile block = std::malloc(1);
  std::free(block);
  delete one;
  const Counts after = now();
  assert_int_equal(after.news, before.news + 1);
  assert_int_equal(after.deletes, before.deletes + 1);
  if (COUNTS_MALLOC) assert_true(after.mallocs > before.mallocs && after.frees > before.frees);
}

void library_with_a_host_never_calls_operator_new(void**) {
  ledger l;
  std::memset(&l, 0, sizeof l);
  nadir_host* host = ledger_host(&l);
  assert_non_null(host);
  const Counts before = now();
  build_and_train(host);
  nadir_host_free(host);
  const Counts after = now();
  assert_int_equal(after.news, before.news);
  assert_int_equal(after.deletes, before.deletes);
  assert_true(l.allocations > 0);
  assert_int_equal(l.live_bytes, 0);
  assert_int_equal(l.faults, 0);
}

// Every malloc, too, is the ledger's one for each of its allocations.
void library_with_a_host_never_calls_malloc(void**) {
  if (!COUNTS_MALLOC) skip();
  ledger l;
  std::memset(&l, 0, sizeof l);
  const Counts before = now();
  nadir_host* host = ledger_host(&l);
  build_and_train(host);
  nadir_host_free(host);
  const Counts after = now();
  assert_int_equal(after.mallocs - before.mallocs, l.allocations);
  assert_int_equal(after.frees - before.frees, l.allocations);
}

void step_calls_nothing(void**) {
  fit f;
  fit_open(&f, NADIR_F64, 5);
  const Counts before = now();
  const nadir_status status = steps(f);
  const Counts after = now();
  assert_ok(status);
  assert_int_equal(after.news, before.news);
  assert_int_equal(after.deletes, before.deletes);
  assert_int_equal(after.mallocs, before.mallocs);
  assert_int_equal(after.frees, before.frees);
  fit_close(&f);
}

// The default host's memory comes back, all of it, in the way in which it was taken.
void default_host_returns_all_memory(void**) {
  const Counts before = now();
  build_and_train(nullptr);
  const Counts after = now();
  assert_int_equal(after.news - before.news, after.deletes - before.deletes);
  if (COUNTS_MALLOC) assert_int_equal(after.mallocs - before.mallocs, after.frees - before.frees);
}

}  // namespace

int main() {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(operators_and_functions_count),
      cmocka_unit_test(library_with_a_host_never_calls_operator_new),
      cmocka_unit_test(library_with_a_host_never_calls_malloc),
      cmocka_unit_test(step_calls_nothing),
      cmocka_unit_test(default_host_returns_all_memory),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
