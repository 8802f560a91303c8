/* Random123 in C: its C++ header brings <iostream>, and with it a static constructor, into whatever includes it. */
#include "base/philox.h"

#include <Random123/philox.h>

void philox_4x32_10(uint64_t key, uint64_t counter, uint64_t stream, uint32_t result[4]) {
  const philox4x32_ctr_t words = {
      {(uint32_t)counter, (uint32_t)(counter >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)}};
  const philox4x32_key_t keys = {{(uint32_t)key, (uint32_t)(key >> 32)}};
  const philox4x32_ctr_t bits = philox4x32(words, keys);
  for (int i = 0; i < 4; ++i) result[i] = bits.v[i];
}
