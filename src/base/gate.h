// Who may be inside: one caller a session, and many readers or one writer of a graph's values. Nobody ever waits; who
// cannot enter is told so at once.
//
// The usual way is a read-modify-write of a shared word, about 6 ns each, and a small step would need a dozen. But nearly
// every graph is used by one thread at a time for its whole life. So a graph starts out belonging to the first thread that
// runs a session of it, which marks its presence by plain stores. The first other thread takes that privilege away for
// good (`revoke`), and from then on everybody uses read-modify-writes.
//
// Why that is safe. The owner stores "I am inside" and then loads the owner's name; the revoker stores "no owner" and then
// loads "is the owner inside?". Were both loads to miss the other's store, both would enter. The processor may delay the
// owner's store past its load, so the revoker makes every running thread of the process pass a full fence
// (`process_wide_fence`) between its store and its load: an owner that entered before it is seen, one that enters later
// sees "no owner". This asymmetric use of a fence is known from read-copy-update (Linux: membarrier(2); Windows:
// FlushProcessWriteBuffers). Where there is none (under Wine, too), no graph has an owner; where a sandbox takes it away
// later, the owner stays, and other threads are refused.
//
// A thread is named by its thread pointer, which lives threads do not share; a later thread that reuses it is no danger,
// since the earlier one cannot be inside.
#pragma once

#include <atomic>
#include <cstdint>

namespace nadir {

// The calling thread's name, read from a register; never a small number.
inline std::uintptr_t this_thread_name() noexcept {
#if defined(_WIN32) && defined(__x86_64__)
  std::uintptr_t block;
  __asm__("movq %%gs:0x30, %0" : "=r"(block));
  return block;
#elif defined(__x86_64__) && defined(__linux__) && defined(__LP64__)
  std::uintptr_t block;
  __asm__("movq %%fs:0, %0" : "=r"(block));
  return block;
#elif defined(__aarch64__) && defined(__linux__)
  return reinterpret_cast<std::uintptr_t>(__builtin_thread_pointer());
#else
  return 2;  // unused: process_wide_fence_exists() is false
#endif
}

// Prepares the fence for this process and tells whether there is one. Any thread, any number of times.
bool process_wide_fence_exists() noexcept;

// Every running thread of the process passes a full fence. Returns false if that failed.
bool process_wide_fence() noexcept;

// A session's part of the gate: whether a caller is inside.
class Occupancy {
 private:
  friend class Gate;
  std::atomic<std::uint32_t> shared_{0};  // changed by exchange
  std::atomic<std::uint32_t> owners_{0};  // changed by the graph's owner alone, plainly
};

// How a caller got inside, which is how it has to leave.
enum class Entry : std::uint8_t { kRefused, kAsOwner, kShared };

// A graph's part of the gate.
class Gate {
 public:
  // What a call does with the graph's values.
  enum class Access : std::uint8_t { kNone, kRead, kWrite };

  Gate() noexcept : owner_(process_wide_fence_exists() ? kUnclaimed : kNobody) {}

  // A call on a session, by the graph's owner: false if the caller is not the owner, or may not enter.
  bool enter_as_owner(Occupancy& session, Access access) noexcept {
    if (!is_owner()) [[unlikely]]
      return false;
    if (session.owners_.load(std::memory_order_relaxed) != 0 || !owner_may(access)) [[unlikely]]
      return false;
    session.owners_.store(1, std::memory_order_relaxed);
    add_to_owners(access);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (is_owner()) [[likely]]
      return true;
    leave_as_owner(session, access);
    return false;
  }
  void leave_as_owner(Occupancy& session, Access access) noexcept { leave(session, access, Entry::kAsOwner); }

  // A call on a session, by anybody.
  Entry enter(Occupancy& session, Access access) noexcept;
  void leave(Occupancy& session, Access access, Entry entry) noexcept {
    leave(access, entry);
    (entry == Entry::kAsOwner ? session.owners_ : session.shared_).store(0, std::memory_order_release);
  }

  // Makes a writer of the reader that got inside so, if it is the only one, and a reader of it again.
  bool upgrade(Entry entry) noexcept {
    if (entry != Entry::kAsOwner) return upgrade_shared();
    if (owners_.load(std::memory_order_relaxed) != 1 || shared_.load(std::memory_order_acquire) != 0) [[unlikely]]
      return false;
    owners_.store(kWriter, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (is_owner()) [[likely]]
      return true;
    return upgrade_revoked();
  }
  void downgrade(Entry entry) noexcept {
    if (entry == Entry::kAsOwner) {
      owners_.store(1, std::memory_order_release);
    } else {
      shared_.fetch_sub(kWriter - 1, std::memory_order_release);
    }
  }

  // A call on the graph's values alone. REQUIRES: access is not kNone.
  Entry enter(Access access) noexcept;
  void leave(Access access, Entry entry) noexcept {
    if (access == Access::kNone) return;
    if (entry == Entry::kAsOwner) {
      owners_.store(owners_.load(std::memory_order_relaxed) - weight_of(access), std::memory_order_release);
    } else {
      shared_.fetch_sub(weight_of(access), std::memory_order_release);
    }
  }

 private:
  static constexpr std::uintptr_t kUnclaimed = 0;
  static constexpr std::uintptr_t kNobody = 1;
  static constexpr std::uintptr_t kRevoking = 3;  // nobody, but whoever comes must fence first
  static constexpr std::uint32_t kWriter = 1u << 31;

  static constexpr std::uint32_t weight_of(Access access) noexcept { return access == Access::kRead ? 1 : kWriter; }
  static constexpr bool clashes(Access access, std::uint32_t inside) noexcept {
    return access == Access::kWrite ? inside != 0 : access == Access::kRead && (inside & kWriter) != 0;
  }

  bool is_owner() const noexcept { return owner_.load(std::memory_order_acquire) == this_thread_name(); }
  // The owner may be inside already, in a callback or a signal handler; others may have entered before the graph had an owner.
  bool owner_may(Access access) const noexcept {
    if (access == Access::kNone) return true;
    return !clashes(access, owners_.load(std::memory_order_relaxed) | shared_.load(std::memory_order_acquire));
  }
  void add_to_owners(Access access) noexcept {
    if (access == Access::kNone) return;
    owners_.store(owners_.load(std::memory_order_relaxed) + weight_of(access), std::memory_order_relaxed);
  }

  Entry enter_shared(Access access) noexcept;
  bool upgrade_shared() noexcept;
  bool upgrade_revoked() noexcept;
  void claim() noexcept;
  bool revoke() noexcept;

  std::atomic<std::uintptr_t> owner_;
  std::atomic<std::uint32_t> owners_{0};  // the owner's readers, or kWriter; changed by the owner alone, plainly
  std::atomic<std::uint32_t> shared_{0};  // everybody else's; changed by read-modify-writes
};

// Holds a place on a graph's values, if there was one, until the end of its scope.
class GraphEntry {
 public:
  GraphEntry(Gate& gate, Gate::Access access) noexcept : gate_(gate), access_(access), entry_(gate.enter(access)) {}
  GraphEntry(const GraphEntry&) = delete;
  GraphEntry& operator=(const GraphEntry&) = delete;
  ~GraphEntry() {
    if (*this) gate_.leave(access_, entry_);
  }
  explicit operator bool() const noexcept { return entry_ != Entry::kRefused; }

 private:
  Gate& gate_;
  Gate::Access access_;
  Entry entry_;
};

}  // namespace nadir
