#!/usr/bin/python3
"""Runs the test programs of a build tree under an emulator: run_emulated.py TREE EMULATOR…

Only programs of the tree itself are run; a test that is a script or a compiler has nothing to find there. A test is left
out, too, that carries the label `native`. Ends with a line `N passed, N failed`.
"""
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from checks import output_of

SKIPPED = object()
LONGEST = 1800  # seconds; an emulator is about ten times as slow


def run_test(test):
    """None for a test that passed, SKIPPED, or what it printed."""
    properties = {one["name"]: one["value"] for one in test.get("properties", [])}
    environment = dict(os.environ, **dict(line.split("=", 1) for line in properties.get("ENVIRONMENT", [])))
    try:
        done = subprocess.run([*emulator, *test["command"]], cwd=properties["WORKING_DIRECTORY"], env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired:
        return f"not ended after {LONGEST} s"
    if done.returncode == properties.get("SKIP_RETURN_CODE"):
        return SKIPPED
    fine = (done.returncode != 0) if properties.get("WILL_FAIL") else (done.returncode == 0)
    return None if fine else f"ended with {done.returncode}\n" + done.stdout.decode(errors="replace")


def is_program_of(tree, test):
    program = Path(test.get("command", [""])[0])
    if tree not in program.resolve().parents or not program.is_file():
        return False
    with program.open("rb") as file:
        is_elf = file.read(4) == b"\x7fELF"
    labels = [label for one in test.get("properties", []) if one["name"] == "LABELS" for label in one["value"]]
    return is_elf and "native" not in labels


tree = Path(sys.argv[1]).resolve()
emulator = sys.argv[2:]
everything = json.loads(output_of("ctest", "--test-dir", tree, "--show-only=json-v1"))["tests"]
tests = [test for test in everything if is_program_of(tree, test)]

passed = failed = 0
with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
    for test, result in zip(tests, pool.map(run_test, tests)):
        verdict = "passed" if result is None else "skipped" if result is SKIPPED else "FAILED"
        print(f"{verdict:8} {test['name']}" + (f": {result}" if verdict == "FAILED" else ""), flush=True)
        passed += verdict == "passed"
        failed += verdict == "FAILED"
print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
