// A program of tests that checks everything of checks.h of every one of some operations.
#pragma once

#include <vector>

#include "case.h"

namespace operations {

struct Operation {
  const char* name;
  Cases (*cases)();
};

// Runs them by cmocka, a test for each operation and check, and answers how many failed.
int run_suite(const char* name, const std::vector<Operation>& operations);

}  // namespace operations
