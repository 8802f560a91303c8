#include "ledger.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LIVE 0x4e616469u
#define DEAD 0x64656164u
#define GUARD 16

/* Stands before every block. */
typedef struct header {
  void *raw;
  size_t bytes, alignment;
  unsigned state;
} header;

static header header_of(const void *memory) {
  header h;
  memcpy(&h, (const char *)memory - sizeof h, sizeof h);
  return h;
}

static int refuses(ledger *l, size_t bytes) {
  ++l->allocations;
  if (l->limit > 0 && bytes > l->limit) return 1;
  if (l->fail_at == 0) return 0;
  return l->fail_on ? l->allocations >= l->fail_at : l->allocations == l->fail_at;
}

/* An odd multiple of `alignment` with room for the header before it. */
static char *place(char *raw, size_t alignment) {
  uintptr_t at = (uintptr_t)(raw + sizeof(header));
  at = (at + alignment - 1) / alignment * alignment;
  if (at % (2 * alignment) == 0) at += alignment;
  return raw + (at - (uintptr_t)raw);
}

static void *ledger_allocate(void *user, size_t bytes, size_t alignment) {
  ledger *l = (ledger *)user;
  header h;
  char *memory;
  ++l->calls;
  if (bytes == 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) ++l->faults;
  if (refuses(l, bytes) || bytes > SIZE_MAX / 2 || (h.raw = malloc(bytes + 2 * alignment + sizeof h + GUARD)) == NULL) {
    ++l->failures;
    return NULL;
  }
  memory = place((char *)h.raw, alignment);
  h.bytes = bytes;
  h.alignment = alignment;
  h.state = LIVE;
  memcpy(memory - sizeof h, &h, sizeof h);
  memset(memory, l->fill, bytes);
  memset(memory + bytes, 0x47, GUARD);
  ++l->live_blocks;
  l->live_bytes += bytes;
  return memory;
}

static int guard_is_broken(const char *end) {
  int i;
  for (i = 0; i < GUARD; ++i) {
    if (end[i] != 0x47) return 1;
  }
  return 0;
}

static void ledger_deallocate(void *user, void *memory, size_t bytes, size_t alignment) {
  ledger *l = (ledger *)user;
  header h;
  ++l->calls;
  if (memory == NULL) {
    ++l->faults;
    return;
  }
  h = header_of(memory);
  if (h.state != LIVE || h.bytes != bytes || h.alignment != alignment || l->destroyed > 0) ++l->faults;
  if (h.state != LIVE) return;
  if (guard_is_broken((const char *)memory + h.bytes)) ++l->faults;
  memset(memory, 0xdd, h.bytes);
  h.state = DEAD;
  memcpy((char *)memory - sizeof h, &h, sizeof h);
  --l->live_blocks;
  l->live_bytes -= h.bytes;
  free(h.raw);
}

static void ledger_destroy(void *user) {
  ledger *l = (ledger *)user;
  ++l->destroyed;
  if (l->live_blocks > 0) ++l->faults;
}

nadir_allocator ledger_allocator(ledger *l) {
  nadir_allocator table;
  memset(&table, 0, sizeof table);
  table.struct_size = sizeof table;
  table.user = l;
  table.allocate = ledger_allocate;
  table.deallocate = ledger_deallocate;
  table.destroy = ledger_destroy;
  return table;
}

nadir_host *ledger_host(ledger *l) {
  const nadir_allocator table = ledger_allocator(l);
  return nadir_host_new(&table);
}

void ledger_relent(ledger *l) {
  l->fail_at = 0;
  l->fail_on = 0;
  l->limit = 0;
}
