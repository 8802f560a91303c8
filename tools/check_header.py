#!/usr/bin/python3
"""The public headers compile by themselves in every language they promise, and without one warning."""
import itertools
import shutil
from concurrent.futures import ThreadPoolExecutor

from checks import ROOT, project_files, report, run

WARNINGS = ["-pedantic-errors", "-Wall", "-Wextra", "-Wundef", "-Werror"]
C = [("c", "c99", ["-Wstrict-prototypes"]), ("c", "c11", ["-Wstrict-prototypes"])]
CXX = [("c++", standard, []) for standard in ("c++11", "c++14", "c++17", "c++20")]
# A wrapper in C++ may ask for a newer one.
HPP = [("c++", standard, []) for standard in ("c++17", "c++20")]


def compile_header(job):
    header, compiler, (language, standard, more), define = job
    # Twice, because a program includes a header by many ways.
    source = f"#include <nadir/{header.name}>\n" * 2 + "int main(void) { return 0; }\n"
    done = run(compiler, "-x", language, f"-std={standard}", *WARNINGS, *more, *define, f"-I{ROOT}/include",
               "-fsyntax-only", "-", input=source)
    if done.returncode == 0:
        return None
    return f"{header.name} as {standard} by {compiler}\n{done.stderr.strip()}"


headers = project_files(r"^include/nadir/.*\.(h|hpp)$")
compilers = [name for name in ("gcc", "clang") if shutil.which(name)]
jobs = [(header, compiler, mode, define)
        for header in headers
        for compiler, mode, define in itertools.product(
            compilers, HPP if header.suffix == ".hpp" else C + CXX, ([], ["-DNADIR_STATIC"]))]
with ThreadPoolExecutor(2) as pool:
    problems = [problem for problem in pool.map(compile_header, jobs) if problem]
if not jobs:
    problems.append("no header or no compiler found")
report("header", problems, f"{len(jobs)} compilations by {' and '.join(compilers)}")
