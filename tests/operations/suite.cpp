#include "suite.h"

#include <deque>

#include "checks.h"
#include "harness.h"

namespace operations {

namespace {

template <void (*Check)(const Case&)>
void check_all(void** state) {
  const auto* operation = static_cast<const Operation*>(*state);
  tell([operation] {
    const Cases cases = operation->cases();
    require(!cases.empty(), "no cases");
    for (const Case& c : cases) {
      try {
        Check(c);
      } catch (const Failure& failure) {
        std::string operands;
        for (const Operand& operand : c.operands) operands.append(" ").append(text_of(operand.shape));
        throw Failure(c.label + operands + ": " + failure.what());
      }
    }
  });
}

struct Check {
  const char* name;
  void (*run)(void** state);
};

const Check kChecks[] = {
    {"equals the reference", check_all<check_values>},
    {"takes constants, parameters and views", check_all<check_arrivals>},
    {"has the gradient of differences", check_all<check_gradient>},
    {"has the second derivative of differences", check_all<check_second_derivative>},
    {"has the gradient of each operand alone", check_all<check_each_alone>},
    {"has the gradient of what its operands are views of", check_all<check_viewed>},
    {"takes one node twice", check_all<check_shared>},
    {"adds its gradient up", check_all<check_accumulation>},
    {"runs at every batch size", check_all<check_batches>},
    {"gives the same bits again", check_all<check_repetition>},
};

}  // namespace

int run_suite(const char* name, const std::vector<Operation>& operations) {
  std::deque<std::string> names;  // which stay where they are
  std::vector<CMUnitTest> tests;
  for (const Operation& operation : operations) {
    for (const Check& check : kChecks) {
      names.push_back(std::string(operation.name) + " " + check.name);
      tests.push_back({names.back().c_str(), check.run, nullptr, nullptr, const_cast<Operation*>(&operation)});
    }
  }
  return _cmocka_run_group_tests(name, tests.data(), tests.size(), nullptr, nullptr);
}

}  // namespace operations
