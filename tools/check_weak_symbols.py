#!/usr/bin/python3
"""Kernels share no inline function with the rest of the library, nor one ISA with another.

The kernels are compiled once an ISA. The linker keeps one copy of a weak symbol, whichever it meets first, and that copy
may use instructions that this processor lacks. So in the objects of an ISA only the functions of its own, renamed xsimd
may be weak. The argument is the build tree.
"""
import re
import sys
from pathlib import Path

from checks import ROOT, output_of, report

build = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/release")
objects = sorted(build.glob("**/CMakeFiles/nadir_kernels_*.dir/**/*.o"))

problems = []
isas = set()
for path in objects:
    isa = re.search(r"nadir_kernels_(\w+)\.dir", str(path))[1]
    isas.add(isa)
    # A name of the renamed namespace is mangled with its length before it: 10xsimd_avx2.
    own = f"{len('xsimd_' + isa)}xsimd_{isa}"
    for line in output_of("nm", path).splitlines():
        kind, symbol = line.split()[-2:]
        if kind in "WVu" and own not in symbol:
            problems.append(f"{path.name} of {isa}: {output_of('c++filt', symbol).strip()} is weak")

if not objects:
    problems.append(f"no nadir_kernels_* objects under {build}")
report("weak symbols", problems, f"{len(objects)} objects of {', '.join(sorted(isas))}")
