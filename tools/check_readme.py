#!/usr/bin/python3
"""The C in README.md and docs compiles, as C99 and as C++11: what a newcomer copies first has to work.

A block with a `main` or another function stands for itself; any other becomes the body of a function, below
tools/readme_prelude.h.
"""
import re

from checks import ROOT, project_files, read, report, run

LANGUAGES = [("gcc", "c", "c99"), ("g++", "c++", "c++11")]
FUNCTION = re.compile(r"^(?!\s|if\b|for\b|while\b|switch\b|do\b|else\b|struct\s+\w+\s*=)[\w\s*]+\([^;{}]*\)\s*\{", re.M)


def blocks(text):
    """(number of the first line, code) of every fence marked as C."""
    for found in re.finditer(r"^```c[ \t]*\n(.*?)^```", text, flags=re.M | re.S):
        yield text.count("\n", 0, found.start(1)) + 1, found[1]


def as_file(page, number, code):
    """A complete source whose diagnostics name the lines of the page."""
    line = f'#line {number} "{page}"\n'
    if re.search(r"\bmain\s*\(", code):
        return line + code
    prelude = '#include "readme_prelude.h"\n'
    if FUNCTION.search(code):
        return prelude + line + code
    includes = "".join(re.findall(r"^\s*#\s*include.*\n", code, flags=re.M))
    body = re.sub(r"^\s*#\s*include.*$", "", code, flags=re.M)
    return f"{prelude}{includes}void fragment(void);\nvoid fragment(void) {{\n{line}{body}}}\n"


def problem_with(page, number, code, compiler, language, standard):
    """What is wrong with a block in one language, or None."""
    done = run(compiler, "-x", language, f"-std={standard}", "-pedantic-errors", "-Wall", "-Wextra", "-Werror",
               "-Wno-unused", f"-I{ROOT}/include", f"-I{ROOT}/tools", "-fsyntax-only", "-",
               input=as_file(page, number, code))
    return f"{page}:{number} as {standard}\n{done.stderr.strip()}" if done.returncode != 0 else None


found = [(page, *block) for page in project_files(r"^(README|docs/.*)\.md$") for block in blocks(read(page))]
problems = [problem_with(*block, *language) for block in found for language in LANGUAGES]
if not any(str(page) == "README.md" for page, _, _ in found):
    problems.append("README.md has no block of C")
report("readme", [problem for problem in problems if problem], f"{len(found)} blocks")
