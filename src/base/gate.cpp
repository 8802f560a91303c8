#include "base/gate.h"

#if defined(_WIN32)
#include <windows.h>
#elif defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__)) && defined(__LP64__)
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>
#define NADIR_HAS_MEMBARRIER 1
#endif

#include <cerrno>

namespace nadir {

#if defined(_WIN32) && defined(__x86_64__)

// Wine 8 has the function and does nothing in it.
bool process_wide_fence_exists() noexcept {
  const HMODULE ntdll = GetModuleHandleA("ntdll.dll");
  return ntdll && !GetProcAddress(ntdll, "wine_get_version");
}

bool process_wide_fence() noexcept {
  FlushProcessWriteBuffers();
  return true;
}

#elif defined(NADIR_HAS_MEMBARRIER)

namespace {

bool membarrier(int command) noexcept {
  const int saved = errno;  // the host's errno is not ours to change
  const bool done = syscall(SYS_membarrier, command, 0u, 0) == 0;
  errno = saved;
  return done;
}

}  // namespace

bool process_wide_fence_exists() noexcept { return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED); }

bool process_wide_fence() noexcept {
  if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return true;
  // A child of fork() may have to register anew.
  return process_wide_fence_exists() && membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

#else

bool process_wide_fence_exists() noexcept { return false; }
bool process_wide_fence() noexcept { return false; }

#endif

void Gate::claim() noexcept {
  std::uintptr_t owner = kUnclaimed;
  owner_.compare_exchange_strong(owner, this_thread_name());
  std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with enter(Access): one of the two sees the other
}

bool Gate::revoke() noexcept {
  std::uintptr_t owner = owner_.load();
  if (owner == kNobody) return true;
  // A system that has come to refuse fences must not cost the owner its privilege, which nobody could then use.
  if (owner != kRevoking && !process_wide_fence()) return false;
  if (owner != kRevoking) owner_.compare_exchange_strong(owner, kRevoking);
  // Whoever comes while another revokes fences too, rather than wait for the other's fence.
  if (!process_wide_fence()) return false;
  owner_.store(kNobody);
  return true;
}

Entry Gate::enter_shared(Access access) noexcept {
  if (access == Access::kNone) return Entry::kShared;
  if (access == Access::kRead) {
    if (clashes(access, shared_.fetch_add(1))) {
      shared_.fetch_sub(1);
      return Entry::kRefused;
    }
  } else {
    std::uint32_t nobody = 0;
    if (!shared_.compare_exchange_strong(nobody, kWriter)) return Entry::kRefused;
  }
  if (clashes(access, owners_.load(std::memory_order_acquire))) {
    leave(access, Entry::kShared);
    return Entry::kRefused;
  }
  return Entry::kShared;
}

bool Gate::upgrade_shared() noexcept {
  std::uint32_t alone = 1;
  if (!shared_.compare_exchange_strong(alone, kWriter)) return false;
  if (owners_.load(std::memory_order_acquire) == 0) return true;
  downgrade(Entry::kShared);
  return false;
}

// Whoever got inside as the owner, and is that no more, has marked itself as a writer: either it sees the others, or they see it.
bool Gate::upgrade_revoked() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (shared_.load() == 0) return true;
  owners_.store(1, std::memory_order_release);
  return false;
}

Entry Gate::enter(Access access) noexcept {
  if (is_owner()) {
    if (!owner_may(access)) return Entry::kRefused;
    add_to_owners(access);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (is_owner()) return Entry::kAsOwner;
    leave(access, Entry::kAsOwner);
  }
  if (owner_.load() == kUnclaimed) {
    const Entry entry = enter_shared(access);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (entry == Entry::kRefused || owner_.load() == kUnclaimed) return entry;
    leave(access, entry);  // a session claimed the graph meanwhile and may not have seen this caller
  }
  return revoke() ? enter_shared(access) : Entry::kRefused;
}

Entry Gate::enter(Occupancy& session, Access access) noexcept {
  if (owner_.load() == kUnclaimed) claim();
  if (enter_as_owner(session, access)) return Entry::kAsOwner;
  if (is_owner() || !revoke()) return Entry::kRefused;
  if (session.shared_.exchange(1) != 0) return Entry::kRefused;
  const bool owner_inside = session.owners_.load(std::memory_order_acquire) != 0;
  if (!owner_inside && enter_shared(access) != Entry::kRefused) return Entry::kShared;
  session.shared_.store(0, std::memory_order_release);
  return Entry::kRefused;
}

}  // namespace nadir
