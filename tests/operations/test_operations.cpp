// Every public operation against its reference: value, gradient, second derivative, accumulation, constants and views,
// a symbolic batch, repetition. An operation that stands in the registry and has no cases does not compile here.
#include "cases.h"
#include "suite.h"

int main() {
  namespace cases = operations::cases;
  return operations::run_suite("operations", {
#define WITH_CASES(name) {#name, cases::name},
#define UNARY(name) WITH_CASES(name)
#define SCALED(name) WITH_CASES(name)
#define BINARY(name) WITH_CASES(name)
#define TEST(name) WITH_CASES(name)
#define COMPARE(name) WITH_CASES(name)
#define LOGICAL(name) WITH_CASES(name)
#define OTHER(name) WITH_CASES(name)
#define COMPOSED(name) WITH_CASES(name)
#include "ops/registry.def"
#undef WITH_CASES
                                             });
}
