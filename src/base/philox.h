/*
 * Random numbers by counter: Philox 4x32-10 of J. K. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3",
 * SC 2011, by way of Random123. A number is a function of a key and a counter alone: no state, the same on any number of
 * threads. C and C++.
 */
#ifndef NADIR_BASE_PHILOX_H
#define NADIR_BASE_PHILOX_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

void philox_4x32_10(uint64_t key, uint64_t counter, uint64_t stream, uint32_t result[4]);

#ifdef __cplusplus
}
#endif

#endif /* NADIR_BASE_PHILOX_H */
