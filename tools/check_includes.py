#!/usr/bin/python3
"""Includes go one way, from the C API down to base, as ARCHITECTURE.md draws it.

Within src and capi an include is written relative to src ("graph/graph.h") or to include (<nadir/nadir.h>).
"""
import re

from checks import ROOT, project_files, read, report, without_comments

# Whom a layer may include besides itself: whole layers, or single files of one.
LAYERS = {
    "capi": {"train", "optim", "session", "io", "plan", "autodiff", "kernels", "ops", "graph", "base"},
    "train": {"optim", "session", "io", "plan", "autodiff", "kernels", "ops", "graph", "base"},
    "optim": {"session", "plan", "autodiff", "kernels", "ops", "graph", "base"},
    "session": {"plan", "autodiff", "kernels", "ops", "graph", "base"},
    "io": {"plan", "autodiff", "kernels", "ops", "graph", "base"},
    "plan": {"autodiff", "kernels", "ops", "graph", "base"},
    "autodiff": {"ops", "graph", "base"},
    "ops": {"graph", "base", "kernels/ids.h"},
    "graph": {"base"},
    "kernels": {"ops/registry.def", "base/convolution.h", "base/dtype.h", "base/random.h"},
    "base": set(),
}

# Outside capi, the only file that may see the C API: it holds the core's own names of the status codes.
SEES_THE_API = {"src/base/status.h"}

# Kernels are compiled once an ISA. A container's inline function would be too, and the linker would keep any one of
# the copies: perhaps the one that only the newest processors can run.
NOT_IN_KERNELS = re.compile(r"(xtensor|xtl)/.*|vector|string|map|set|unordered_\w+|deque|list|functional|memory|iostream|.*stream")

# Each file with xtensor in it adds its expression templates to the library's size.
MOST_FILES_WITH_XTENSOR = 2


def layer_of(path):
    """The layer of a file given relative to the root: src/graph/graph.h is of graph."""
    return path.parts[1] if path.parts[0] == "src" else path.parts[0]


def problem_with(path, opening, target):
    """What is wrong with one include, or None."""
    layer = layer_of(path)
    if target.startswith("nadir/"):
        allowed = layer == "capi" or str(path) in SEES_THE_API
        return None if allowed and opening == "<" else f"only capi includes <{target}>"
    if opening == "<":
        if layer == "kernels" and NOT_IN_KERNELS.fullmatch(target):
            return f"kernels include no <{target}>"
        return None
    if layer == "capi" and (ROOT / "capi" / target).is_file():
        return None
    if not (ROOT / "src" / target).is_file():
        return f'"{target}" is no file of src'
    other = target.split("/")[0]
    if other == layer or other in LAYERS[layer] or target in LAYERS[layer]:
        return None
    return f'{layer} does not include {other} ("{target}")'


problems = []
with_xtensor = []
files = project_files(r"^(src|capi)/.*\.(c|h|cpp|hpp|inc|def)$")
for path in files:
    if layer_of(path) not in LAYERS:
        problems.append(f"{path}: {layer_of(path)} is no layer that tools/check_includes.py knows")
        continue
    # Comments go first, lest an example in one is taken for an include.
    for number, line in enumerate(without_comments(read(path)).splitlines(), 1):
        include = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not include:
            continue
        if include[2].startswith(("xtensor/", "xtl/")):
            with_xtensor.append(str(path))
        problem = problem_with(path, include[1], include[2])
        if problem:
            problems.append(f"{path}:{number}: {problem}")

if len(set(with_xtensor)) > MOST_FILES_WITH_XTENSOR:
    problems.append(f"xtensor in more than {MOST_FILES_WITH_XTENSOR} files: " + " ".join(sorted(set(with_xtensor))))
if not files:
    problems.append("no sources found")
report("includes", problems, f"{len(files)} files")
