#!/usr/bin/python3
"""Loading the library runs nothing of ours and takes no thread-local storage.

A host loads and unloads a plugin at any time. A static constructor would run before the host can choose an allocator; a
thread-local variable of a loaded library is allocated at its first use on a thread, and the C library aborts the process
when that fails. The argument is the build tree.
"""
import re
import sys
import tempfile
from pathlib import Path

from checks import ROOT, library_link, library_objects, output_of, report

build = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/release")


def sections(path):
    """(name, size, flags) of every section."""
    rows = re.findall(r"^\s*\[\s*\d+\]\s+(\S+)\s+\S+\s+[0-9a-f]+\s+[0-9a-f]+\s+([0-9a-f]+)\s+[0-9a-f]+\s+([A-Za-z]*)\s",
                      output_of("readelf", "-SW", path), flags=re.M)
    return [(name, int(size, 16), flags) for name, size, flags in rows]


def size_of_init_array(path):
    return sum(size for name, size, _ in sections(path) if name.startswith((".init_array", ".ctors")))


problems = []
objects = library_objects(build)
for path in objects:
    for name, size, flags in sections(build / path):
        if size and name.startswith((".init_array", ".ctors", ".preinit_array")):
            problems.append(f"{path} has a static constructor ({name})")
        if size and "T" in flags:
            problems.append(f"{path} has thread-local storage ({name})")

library = build / "libnadir.so"
if re.search(r"^\s*TLS\s", output_of("readelf", "-lW", library), flags=re.M):
    problems.append("libnadir.so has a TLS segment")
with tempfile.TemporaryDirectory() as folder:
    # The compiler's own start-up code registers one function in every shared library.
    empty = Path(folder) / "empty.so"
    output_of(library_link(build)[0], "-shared", "-fPIC", "-x", "c++", "/dev/null", "-o", empty)
    ours, floor = size_of_init_array(library), size_of_init_array(empty)
    if ours != floor:
        problems.append(f"libnadir.so has {ours} bytes of .init_array, an empty library {floor}")
report("start-up", problems, f"no constructor, no thread-local storage in {len(objects)} objects")
