/* launch ROUNDS PROGRAM...: runs the programs one after the other, so many times, and prints for each a line with the least
 * time from the start to the end in nanoseconds, the median, and the greatest memory that it took in KiB.
 *
 * It is this small because the memory of a new process counts as that of its parent until it is a program of its own. */
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

enum { most_programs = 8, most_rounds = 4096 };

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int by_size(const void *a, const void *b) {
  const long long x = *(const long long *)a, y = *(const long long *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  static long long times[most_programs][most_rounds];
  long memory[most_programs] = {0};
  const int rounds = argc > 1 ? atoi(argv[1]) : 0, programs = argc - 2;
  if (rounds < 1 || rounds > most_rounds || programs < 1 || programs > most_programs) return 2;
  for (int round = 0; round < rounds; ++round) {
    for (int p = 0; p < programs; ++p) {
      char *arguments[] = {argv[2 + p], NULL};
      struct rusage usage;
      pid_t child;
      int status;
      const long long start = now();
      if (posix_spawn(&child, argv[2 + p], NULL, NULL, arguments, environ) != 0) return 1;
      if (wait4(child, &status, 0, &usage) != child || status != 0) return 1;
      times[p][round] = now() - start;
      if (usage.ru_maxrss > memory[p]) memory[p] = usage.ru_maxrss;
    }
  }
  for (int p = 0; p < programs; ++p) {
    qsort(times[p], (size_t)rounds, sizeof times[p][0], by_size);
    printf("%lld %lld %ld\n", times[p][0], times[p][rounds / 2], memory[p]);
  }
  return 0;
}
