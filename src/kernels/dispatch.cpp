// The choice of the kernels. The processor is asked directly (CPUID and XGETBV): the compiler's __builtin_cpu_supports
// brings a static constructor into the library, and xsimd 8.1 does not ask whether the system saves the registers.
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "kernels/table.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace nadir {

namespace {

bool always() noexcept { return true; }

#if defined(NADIR_SIMD) && defined(__x86_64__)

struct Processor {
  unsigned basic_c = 0;     // leaf 1, ECX
  unsigned extended_b = 0;  // leaf 7, EBX
  unsigned saved = 0;       // XCR0: the registers that the system saves

  Processor() noexcept {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid(1, &a, &b, &c, &d)) basic_c = c;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) extended_b = b;
    constexpr unsigned kOsXsave = 1u << 27;
    if (basic_c & kOsXsave) {
      unsigned high = 0;
      __asm__("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
    }
  }
};

constexpr bool has_all(unsigned bits, unsigned wanted) noexcept { return (bits & wanted) == wanted; }

bool has_avx2() noexcept {
  const Processor p;
  constexpr unsigned kFma = 1u << 12, kAvx = 1u << 28;
  constexpr unsigned kAvx2 = 1u << 5;
  constexpr unsigned kXmmYmm = 0x6;
  return has_all(p.basic_c, kFma | kAvx) && has_all(p.extended_b, kAvx2) && has_all(p.saved, kXmmYmm);
}

bool has_avx512() noexcept {
  const Processor p;
  constexpr unsigned kF = 1u << 16, kDq = 1u << 17, kCd = 1u << 28, kBw = 1u << 30, kVl = 1u << 31;
  constexpr unsigned kMasksAndZmm = 0xe6;
  return has_avx2() && has_all(p.extended_b, kF | kDq | kCd | kBw | kVl) && has_all(p.saved, kMasksAndZmm);
}

#endif

// Filled when it is first asked for, by whichever thread.
template <void (*fill)(KernelTable&) noexcept>
const KernelTable& table_of(const char* isa) noexcept {
  static const KernelTable kTable = [isa] {
    KernelTable filled{};
    filled.isa = isa;
    fill(filled);
    return filled;
  }();
  return kTable;
}

struct Choice {
  const char* isa;
  bool (*is_possible)() noexcept;
  const KernelTable& (*table)(const char* isa) noexcept;

  const KernelTable* get() const noexcept { return &table(isa); }
};

// Best first.
constexpr Choice kChoices[] = {
#if defined(NADIR_SIMD) && defined(__x86_64__)
    {"avx512", has_avx512, table_of<fill_avx512_kernels>},
    {"avx2", has_avx2, table_of<fill_avx2_kernels>},
    {"sse2", always, table_of<fill_sse2_kernels>},
#elif defined(NADIR_SIMD) && defined(__aarch64__)
    {"neon", always, table_of<fill_neon_kernels>},
#endif
#if defined(NADIR_SCALAR) || !defined(NADIR_SIMD)
    {"scalar", always, table_of<fill_scalar_kernels>},
#endif
};

const Choice& best() noexcept {
  const Choice* choice = kChoices;
  while (!choice->is_possible()) ++choice;  // the last one always is
  return *choice;
}

const KernelTable* choose() noexcept {
  const char* forced = std::getenv("NADIR_ISA");
  const KernelTable* table = forced ? find_kernels(forced) : nullptr;
  return table ? table : best().get();
}

}  // namespace

const KernelTable* find_kernels(const char* isa) noexcept {
  for (const Choice& choice : kChoices) {
    if (std::strcmp(choice.isa, isa) == 0) return choice.is_possible() ? choice.get() : nullptr;
  }
  return nullptr;
}

bool has_vector_kernels() noexcept { return std::strcmp(best().isa, "scalar") != 0; }

const KernelTable& kernels() noexcept {
  static constinit std::atomic<const KernelTable*> chosen{nullptr};
  const KernelTable* table = chosen.load(std::memory_order_acquire);
  if (!table) chosen.store(table = choose(), std::memory_order_release);
  return *table;
}

}  // namespace nadir
