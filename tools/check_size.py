#!/usr/bin/python3
"""The library as a package ships it, stripped and with the C++ runtime inside, is at most 1 MiB and leans on libc alone.

Prints where the bytes are, by folder. The argument is a build tree of the preset release.
"""
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

from checks import ROOT, library_link, library_objects, output_of, report

LIMIT = 1 << 20
MAY_LEAN_ON = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "linux-vdso.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}

build = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/release").resolve()


def loaded_bytes(path):
    """The bytes of code, constants and initial data in a file."""
    rows = re.findall(r"^(\.(?:text|rodata|data)\S*)\s+(\d+)", output_of("size", "-A", path), flags=re.M)
    return sum(int(size) for _, size in rows)


def component_of(path):
    """The folder of the source that an object was made from: capi, src/graph, …; kernels by their ISA."""
    kernels = re.search(r"nadir_kernels_(\w+)\.dir", path)
    if kernels:
        return f"src/kernels ({kernels[1]})"
    return re.search(r"\.dir/(capi|src/\w+|.*)/", path)[1]


def link_as_shipped(library):
    command = library_link(build)
    command[command.index("-o") + 1] = library
    # What the option NADIR_STATIC_RUNTIME adds, without another build.
    output_of(*command, "-static-libgcc", "-static-libstdc++", "-Wl,-s", cwd=build)


components = Counter()
for path in library_objects(build):
    components[component_of(path)] += loaded_bytes(build / path)

problems = []
with tempfile.TemporaryDirectory() as folder:
    library = Path(folder) / "libnadir.so"
    link_as_shipped(library)
    total = library.stat().st_size
    rest = total - sum(components.values())
    leans_on = {Path(line.split()[0]).name for line in output_of("ldd", library).splitlines() if line.split()}

if total > LIMIT:
    problems.append(f"{total:,} bytes, {total - LIMIT:,} over {LIMIT:,}")
if leans_on - MAY_LEAN_ON:
    problems.append("needs " + ", ".join(sorted(leans_on - MAY_LEAN_ON)))

rows = sorted(components.items(), key=lambda row: -row[1]) + [("the C++ runtime, tables and headers", rest)]
table = [f"{size:>11,}  {name}" for name, size in rows]
if not problems:
    print(f"ok   size: {total:,} bytes of {LIMIT:,}, needs {', '.join(sorted(leans_on))}")
    print("\n".join(f"       {line}" for line in table))
    sys.exit(0)
report("size", problems + table)
