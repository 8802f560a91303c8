// What the GNU C++ runtime does when a program cannot go on, in place of its own: that one writes to stderr, and brings 53 KB of
// demangler into a library that holds the runtime. Nothing of Nadir comes here.
#include <cstdlib>

#if defined(__GLIBCXX__) || defined(__GLIBCPP__)

namespace __gnu_cxx {

// NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming): the runtime's name
void __verbose_terminate_handler();
void __verbose_terminate_handler() { std::abort(); }
// NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming)

}  // namespace __gnu_cxx

#endif
