// The parts that everything stands on: shapes, options, texts, random numbers, memory, the gate.
#include <atomic>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <memory_resource>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/gate.h"
#include "base/options.h"
#include "base/pool.h"
#include "base/random.h"
#include "base/shape.h"
#include "base/stable_vector.h"
#include "unit.h"

namespace {

using namespace nadir;

template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.message.c_str();
  }
  return "no error";
}

// ------------------------------------------------------------------------------------------------ text, options

std::string text_of(double number) {
  char buffer[64];
  Text text(buffer, sizeof buffer);
  text << number;
  return {buffer, text.size()};
}

void numbers_are_written_so_that_they_read_back(void**) {
  assert_string_equal(text_of(0.1).c_str(), "0.1");
  assert_string_equal(text_of(-2).c_str(), "-2");
  assert_string_equal(text_of(1e300).c_str(), "1e+300");
}

// Bit patterns of all kinds: whole numbers, short ones, subnormal ones, any.
double some_number(std::uint64_t seed) {
  const std::uint64_t bits = seed * 0x9E3779B97F4A7C15u;
  switch (seed % 4) {
    case 0: return static_cast<double>(bits >> (seed / 4 % 60));
    case 1: return static_cast<double>(static_cast<std::int32_t>(bits >> 40)) / 1000;
    case 2: return std::bit_cast<double>(bits >> (12 + seed % 30));
    default: return std::bit_cast<double>(bits ^ bits >> 29);
  }
}

void numbers_are_written_as_the_library_of_cpp_writes_them(void**) {
  for (std::uint64_t seed = 1; seed < 60000; ++seed) {
    const double number = some_number(seed);
    if (std::isnan(number)) continue;
    char wanted[64] = {};
    *std::to_chars(wanted, wanted + sizeof wanted, number).ptr = 0;
    assert_string_equal(text_of(number).c_str(), wanted);
    const auto read = parse_number(wanted);
    assert_true(read && std::memcmp(&*read, &number, sizeof number) == 0);
  }
}

void numbers_are_read_as_the_library_of_cpp_reads_them(void**) {
  for (const std::string_view text :
       {"0",    "-0",  "1",  "-1.5", ".5",   "5.",    ".",      "-",       "+1",       "--1",   "-+1",
        "",     "1e5", "1e", "1e+5", "1E-5", "1e400", "1e-400", "-1e400",  "4.9e-324", "1e--5", "1.2.3",
        "0x10", "1 ",  " 1", "1,5",  "inf",  "-inf",  "nan",    "infinit", "1f",       "1e5.5", "00012.50"}) {
    double wanted = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), wanted);
    const bool is_number = error == std::errc{} && end == text.data() + text.size();
    const auto read = parse_number(text);
    assert_int_equal(read.has_value(), is_number);
    if (is_number && !std::isnan(wanted)) assert_true(*read == wanted);
  }
  assert_true(!parse_number(std::string(300, '1')));
}

void reading_and_writing_leave_errno_alone(void**) {
  errno = 77;
  text_of(4.9e-324);
  assert_false(parse_number("1e400").has_value());
  assert_int_equal(errno, 77);
}

void text_counts_what_does_not_fit(void**) {
  char buffer[4] = {'x', 'x', 'x', 'x'};
  Text text(buffer, 3);
  text << "ab" << 12345;
  assert_int_equal(text.size(), 7);
  assert_memory_equal(buffer, "ab1x", 4);
}

void message_is_cut_and_ended(void**) {
  Message message;
  for (int i = 0; i < 1000; ++i) message << "word ";
  assert_true(std::strlen(message.c_str()) == message.view().size());
  assert_true(message.view().size() < 1000);
}

void options_are_read_by_key(void**) {
  Options options(" a=1  b=-2.5e3\tmode=fast ");
  assert_true(options.flag("a", false));
  assert_true(options.number("b", 0) == -2500);
  assert_int_equal(options.choice("mode", {"slow", "fast"}, 0), 1);
  assert_int_equal(options.integer("absent", 7, 0), 7);
  options.finish();
}

void unknown_option_names_the_nearest(void**) {
  const auto message = message_of([] {
    Options options("paddign=1");
    options.number("stride", 1);
    options.number("padding", 0);
    options.finish();
  });
  assert_string_equal(message.c_str(), "unknown option paddign; the nearest known is padding");
}

void malformed_options_are_refused(void**) {
  for (const char* text : {"a", "=1", "a=", "a=1 a=2"}) {
    assert_string_not_equal(message_of([&] { Options options(text); }).c_str(), "no error");
  }
  for (const char* text : {"n=1x", "n=", "n=1,5", "n=0x"}) {
    assert_string_not_equal(message_of([&] {
                              Options options(text);
                              options.number("n", 0);
                            }).c_str(),
                            "no error");
  }
}

// -------------------------------------------------------------------------------------------------------- shapes

Shape shape_of(std::initializer_list<std::int64_t> dims) {
  Shape shape;
  for (const std::int64_t dim : dims) shape.append(dim < 0 ? Dim::batch(-dim) : Dim::constant(dim));
  return shape;
}

void shapes_broadcast_as_in_numpy(void**) {
  assert_true(broadcast(shape_of({-1, 3}), shape_of({3})) == shape_of({-1, 3}));
  assert_true(broadcast(shape_of({4, 1}), shape_of({1, 5})) == shape_of({4, 5}));
  assert_true(broadcast(shape_of({}), shape_of({2, -3})) == shape_of({2, -3}));
  assert_true(broadcast(shape_of({1}), shape_of({0})) == shape_of({0}));
  assert_false(broadcast(shape_of({3}), shape_of({4})).has_value());
  assert_false(broadcast(shape_of({-1}), shape_of({4})).has_value());
  assert_false(broadcast(shape_of({-1}), shape_of({-2})).has_value());
}

void element_counts_know_the_batch(void**) {
  const Extent count = shape_of({-2, 3, -1}).count();
  assert_int_equal(count.factor, 6);
  assert_int_equal(count.power, 2);
  assert_int_equal(count.at(5), 150);
}

void sizes_over_the_limit_are_noticed(void**) {
  assert_true(size_fits(shape_of({std::int64_t{1} << 30, std::int64_t{1} << 30}), 4));
  assert_false(size_fits(shape_of({std::int64_t{1} << 31, std::int64_t{1} << 31}), 4));
  assert_false(size_fits(shape_of({std::int64_t{1} << 40, std::int64_t{1} << 40, 0}), 4));
  assert_false(byte_count({std::int64_t{1} << 40, 2}, 1 << 20, 4).has_value());
  assert_true(byte_count({3, 1}, 10, 4) == 120);
}

// ------------------------------------------------------------------------------------------------- random numbers

// The known answers of Random123's own tests.
void philox_gives_the_published_numbers(void**) {
  std::uint32_t bits[4];
  philox_4x32_10(0, 0, 0, bits);
  const std::uint32_t wanted[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  assert_memory_equal(bits, wanted, sizeof bits);
}

void uniform_numbers_fill_their_interval_evenly(void**) {
  const int count = 100000;
  int bins[10] = {};
  for (int i = 0; i < count; ++i) {
    const double u = uniform_01(random_key(1, "weights"), static_cast<std::uint64_t>(i));
    assert_true(u >= 0 && u < 1);
    ++bins[static_cast<int>(u * 10)];
  }
  // Six standard deviations of a binomial count of mean 10000.
  for (const int bin : bins) assert_true(bin > 9430 && bin < 10570);
}

void keys_differ_by_seed_and_by_name(void**) {
  assert_true(random_key(0, "a") != random_key(0, "b"));
  assert_true(random_key(0, "a") != random_key(1, "a"));
  assert_true(random_key(0, "a") == random_key(0, "a"));
}

// -------------------------------------------------------------------------------------------------------- memory

void pool_gives_back_to_a_mark(void**) {
  Pool pool(*std::pmr::get_default_resource());
  const std::string_view kept = pool.copy(std::string_view("kept"));
  const auto mark = pool.mark();
  for (int i = 0; i < 100; ++i) pool.allocate(1000);
  pool.rewind(mark);
  void* again = pool.allocate(16);
  assert_true(static_cast<char*>(again) > kept.data() && static_cast<char*>(again) < kept.data() + 64);
  assert_string_equal(kept.data(), "kept");
}

void elements_of_a_stable_vector_stay_where_they_are(void**) {
  StableVector<int> vector(*std::pmr::get_default_resource());
  std::vector<int*> addresses;
  for (int i = 0; i < 1000; ++i) addresses.push_back(&vector.append(i));
  for (std::size_t i = 0; i < 1000; ++i) {
    assert_ptr_equal(addresses[i], &vector[i]);
    assert_int_equal(vector[i], static_cast<int>(i));
  }
  vector.truncate(10);
  assert_int_equal(vector.size(), 10);
  assert_ptr_equal(&vector.append(5), addresses[10]);
}

// ---------------------------------------------------------------------------------------------------------- gate

using Access = Gate::Access;

void one_caller_a_session(void**) {
  Gate gate;
  Occupancy session, other;
  const Entry first = gate.enter(session, Access::kRead);
  assert_true(first != Entry::kRefused);
  assert_true(gate.enter(session, Access::kNone) == Entry::kRefused);
  const Entry second = gate.enter(other, Access::kRead);
  assert_true(second != Entry::kRefused);
  gate.leave(other, Access::kRead, second);
  gate.leave(session, Access::kRead, first);
  assert_true(gate.enter(session, Access::kNone) != Entry::kRefused);
}

void readers_together_or_one_writer(void**) {
  for (const bool by_another_thread : {false, true}) {
    Gate gate;
    Occupancy session;
    gate.leave(session, Access::kNone, gate.enter(session, Access::kNone));  // this thread owns the gate
    const auto can = [&](Access access) {
      bool entered = false;
      const auto attempt = [&] {
        const Entry entry = gate.enter(access);
        entered = entry != Entry::kRefused;
        if (entered) gate.leave(access, entry);
      };
      if (by_another_thread) {
        std::thread(attempt).join();
      } else {
        attempt();
      }
      return entered;
    };
    Entry entry = gate.enter(session, Access::kRead);
    assert_true(can(Access::kRead));
    assert_false(can(Access::kWrite));
    gate.leave(session, Access::kRead, entry);
    entry = gate.enter(session, Access::kWrite);
    assert_false(can(Access::kRead));
    assert_false(can(Access::kWrite));
    gate.leave(session, Access::kWrite, entry);
    assert_true(can(Access::kWrite));
  }
}

// Whether the reader got inside as the owner, and is that still, or never was it.
void a_reader_alone_becomes_a_writer_and_back(void**) {
  for (const bool is_shared : {false, true}) {
    Gate gate;
    Occupancy mine, others;
    const auto run = [](auto f) { std::thread(f).join(); };
    const auto can = [&](Access access) {
      bool entered = false;
      run([&] {
        const Entry entry = gate.enter(others, access);
        entered = entry != Entry::kRefused;
        if (entered) gate.leave(others, access, entry);
      });
      return entered;
    };
    gate.leave(mine, Access::kNone, gate.enter(mine, Access::kNone));  // this thread owns the gate
    if (is_shared) assert_true(can(Access::kRead));                    // and now nobody does
    const Entry entry = gate.enter(mine, Access::kRead);
    assert_true(entry == (is_shared || !process_wide_fence_exists() ? Entry::kShared : Entry::kAsOwner));
    assert_true(gate.upgrade(entry));
    assert_false(can(Access::kRead));  // which takes the gate from its owner
    assert_false(can(Access::kWrite));
    gate.downgrade(entry);
    assert_true(can(Access::kRead));
    assert_false(can(Access::kWrite));
    assert_true(gate.upgrade(entry));
    assert_false(can(Access::kRead));
    gate.downgrade(entry);
    Entry other{};
    run([&] { other = gate.enter(others, Access::kRead); });
    assert_true(other != Entry::kRefused);
    assert_false(gate.upgrade(entry));
    gate.leave(others, Access::kRead, other);
    assert_true(gate.upgrade(entry));
    gate.downgrade(entry);
    gate.leave(mine, Access::kRead, entry);
    assert_true(can(Access::kWrite));
  }
}

// The moment at which a gate is taken from its owner, many times over: the owner enters and leaves as fast as it can, and
// another thread wants to be alone once. A missing fence lets both in; this test and the next see it in about half of their
// runs.
void owner_and_revoker_are_never_inside_together(void**) {
  constexpr int kGates = 4000;
  std::vector<Gate> gates(kGates);
  std::vector<Occupancy> sessions(kGates);
  std::atomic<int> now{0};
  std::atomic<int> owned{-1};
  std::atomic<bool> owner_inside{false};
  std::atomic<bool> other_inside{false};
  std::atomic<int> clashes{0};
  // Says that it is inside and looks for the other for a while; plainly, since a locked instruction would be a fence.
  const auto be_inside = [&](std::atomic<bool>& mine, const std::atomic<bool>& theirs) {
    mine.store(true, std::memory_order_relaxed);
    bool meets = false;
    for (int look = 0; look < 30; ++look) meets = meets || theirs.load(std::memory_order_relaxed);
    mine.store(false, std::memory_order_relaxed);
    if (meets) ++clashes;
  };
  std::thread owner([&] {
    for (int i = 0; i < kGates; ++i) {
      while (now.load(std::memory_order_relaxed) == i) {
        const Entry entry = gates[i].enter(sessions[i], Access::kWrite);
        if (entry == Entry::kRefused) continue;
        be_inside(owner_inside, other_inside);
        gates[i].leave(sessions[i], Access::kWrite, entry);
        owned.store(i, std::memory_order_relaxed);
      }
    }
  });
  for (int i = 0; i < kGates; ++i) {
    while (owned.load(std::memory_order_relaxed) < i) std::this_thread::yield();
    for (int spin = 0; spin < i % 97; ++spin) std::atomic_signal_fence(std::memory_order_seq_cst);
    Entry entry = Entry::kRefused;
    while (entry == Entry::kRefused) entry = gates[i].enter(Access::kWrite);
    be_inside(other_inside, owner_inside);
    gates[i].leave(Access::kWrite, entry);
    now.store(i + 1, std::memory_order_relaxed);
  }
  owner.join();
  assert_int_equal(clashes.load(), 0);
}

// Threads that all want to be alone: each that enters finds itself so.
void nobody_enters_beside_a_writer(void**) {
  for (int round = 0; round < 200; ++round) {
    Gate gate;
    Occupancy sessions[2];
    std::atomic<int> inside{0};
    std::atomic<bool> clashed{false};
    std::atomic<int> ready{0};
    const auto run = [&](int number) {
      ready.fetch_add(1);
      while (ready.load() < 3) std::this_thread::yield();
      for (int i = 0; i < 300; ++i) {
        const bool on_session = number < 2;
        const Entry entry = on_session ? gate.enter(sessions[number], Access::kWrite) : gate.enter(Access::kWrite);
        if (entry == Entry::kRefused) continue;
        if (inside.fetch_add(1, std::memory_order_relaxed) != 0) clashed = true;
        inside.fetch_sub(1, std::memory_order_relaxed);
        if (on_session) {
          gate.leave(sessions[number], Access::kWrite, entry);
        } else {
          gate.leave(Access::kWrite, entry);
        }
      }
    };
    std::thread a(run, 0), b(run, 1), c(run, 2);
    a.join();
    b.join();
    c.join();
    assert_false(clashed);
    // Everybody has left.
    assert_true(gate.enter(Access::kWrite) != Entry::kRefused);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(numbers_are_written_so_that_they_read_back),
      cmocka_unit_test(numbers_are_written_as_the_library_of_cpp_writes_them),
      cmocka_unit_test(numbers_are_read_as_the_library_of_cpp_reads_them),
      cmocka_unit_test(reading_and_writing_leave_errno_alone),
      cmocka_unit_test(text_counts_what_does_not_fit),
      cmocka_unit_test(message_is_cut_and_ended),
      cmocka_unit_test(options_are_read_by_key),
      cmocka_unit_test(unknown_option_names_the_nearest),
      cmocka_unit_test(malformed_options_are_refused),
      cmocka_unit_test(shapes_broadcast_as_in_numpy),
      cmocka_unit_test(element_counts_know_the_batch),
      cmocka_unit_test(sizes_over_the_limit_are_noticed),
      cmocka_unit_test(philox_gives_the_published_numbers),
      cmocka_unit_test(uniform_numbers_fill_their_interval_evenly),
      cmocka_unit_test(keys_differ_by_seed_and_by_name),
      cmocka_unit_test(pool_gives_back_to_a_mark),
      cmocka_unit_test(elements_of_a_stable_vector_stay_where_they_are),
      cmocka_unit_test(one_caller_a_session),
      cmocka_unit_test(readers_together_or_one_writer),
      cmocka_unit_test(a_reader_alone_becomes_a_writer_and_back),
      cmocka_unit_test(owner_and_revoker_are_never_inside_together),
      cmocka_unit_test(nobody_enters_beside_a_writer),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
