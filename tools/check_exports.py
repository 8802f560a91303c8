#!/usr/bin/python3
"""The shared library exports what the public headers declare, no more and no less. The argument is the build tree."""
import re
import sys
from pathlib import Path

from checks import ROOT, output_of, project_files, read, report, without_comments

build = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/release")

declared = set()
for header in project_files(r"^include/nadir/.*\.h$"):
    text = without_comments(read(header))
    # The macro's own definition ends without a parenthesis, and is no declaration.
    text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
    declared |= set(re.findall(r"\bNADIR_API\b[^;(]*?\b(\w+)\s*\(", text))

problems = []
exported = set()
for line in output_of("nm", "-D", "--defined-only", build / "libnadir.so").splitlines():
    kind, symbol = line.split()[-2:]
    name, _, version = symbol.partition("@@")
    if kind == "A":  # the name of a version itself
        continue
    exported.add(name)
    if not version.startswith("NADIR_"):
        problems.append(f"{name} has no version")

problems += [f"{name} is exported but not declared" for name in sorted(exported - declared)]
problems += [f"{name} is declared but not exported" for name in sorted(declared - exported)]
if not declared:
    problems.append("no declaration found")
report("exports", problems, f"{len(exported)} functions")
