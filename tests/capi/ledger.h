/*
 * An allocator for tests. It counts, fails when told to, hands out blocks that are aligned exactly as asked and no
 * better, filled with a byte of choice, and checks what comes back: the size, the alignment, and the bytes behind the
 * block.
 *
 * It is for one thread at a time.
 */
#ifndef NADIR_TESTS_CAPI_LEDGER_H
#define NADIR_TESTS_CAPI_LEDGER_H

#include <stddef.h>

#include <nadir/nadir.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ledger {
  size_t calls; /* of either callback */
  size_t allocations;
  size_t fail_at; /* this allocation gives NULL, counted from 1; 0 for none */
  int fail_on;    /* and all after it, too */
  size_t limit;   /* allocations of more bytes give NULL; 0 for no limit */
  size_t failures;
  size_t live_blocks, live_bytes;
  size_t faults; /* sizes, alignments or calls that break the contract of nadir_allocator */
  size_t destroyed;
  unsigned char fill;
} ledger;

nadir_allocator ledger_allocator(ledger *l);

/* A host that draws on the ledger; NULL when an allocation failed. */
nadir_host *ledger_host(ledger *l);

/* From now on every allocation succeeds. */
void ledger_relent(ledger *l);

#ifdef __cplusplus
}
#endif

#endif /* NADIR_TESTS_CAPI_LEDGER_H */
