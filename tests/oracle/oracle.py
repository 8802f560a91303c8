#!/usr/bin/python3
"""Compares Nadir, through its C API, with PyTorch.

First every operation of the header by itself: random calls in single and double precision, their values, gradients and
second derivatives. Then optimisers and schedules, over a hundred steps. Then random graphs, trained for some passes: losses, values and gradients. A trial or a graph is a
function of its number, so that a failure can be repeated alone. A graph that fails is made small before it is shown.

Ends with a line that counts the mismatches, and with status 1 if there are any.
"""
import argparse
import sys
import textwrap
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import torch

import optimizers
import random_graphs
import single_operations
from execution import Failure
from nadir import Dtype, Library
from operations import NOT_OPERATIONS, OPERATIONS
from processes import Crash, alone, apart

ROOT = Path(__file__).resolve().parents[2]
MOST_SHOWN = 5
OPTIMIZER_TRIALS = 6  # runs a rule and dtype
CHUNK = 250  # cases a process: to start one costs as much as some cases


@dataclass
class Report:
    """What some cases gave."""

    failures: list = field(default_factory=list)
    cases: int = 0
    ill_conditioned: int = 0
    uses: Counter = field(default_factory=Counter)

    def add(self, other):
        self.failures += other.failures
        self.cases += other.cases
        self.ill_conditioned += other.ill_conditioned
        self.uses += other.uses


@dataclass(frozen=True)
class Trial:
    """A random call of an operation, by its number."""

    name: str
    dtype: Dtype
    number: int

    def run(self, library):
        comparison, ill_conditioned = single_operations.generate(self.name, self.dtype, self.number)
        failure = comparison.failure(library)
        return Report([failure] * bool(failure), 1, ill_conditioned)

    def crashed(self, library, crash):
        comparison, _ = single_operations.generate(self.name, self.dtype, self.number)
        return Failure(comparison.title, "crash", str(crash), comparison.program)


@dataclass(frozen=True)
class RandomGraph:
    """A random graph, by its seed."""

    seed: int

    def title(self):
        return f"graph of seed {self.seed}"

    def run(self, library):
        program, expectation, ill_conditioned = random_graphs.generate(self.seed)
        failure = random_graphs.failure_of(library, self.title(), program, expectation)
        uses = Counter(call.name for _, call in program.calls())
        return Report([failure] * bool(failure), 1, ill_conditioned, uses)

    def crashed(self, library, crash):
        return Failure(self.title(), "crash", str(crash), random_graphs.generate(self.seed)[0])


def run_all(library, cases):
    """The report of some cases, run in several processes."""
    def run(chunk):
        report = Report()
        for case in chunk:
            report.add(case.run(library))
        return report

    total = Report()
    chunks = [cases[start:start + CHUNK] for start in range(0, len(cases), CHUNK)]
    for chunk, result in apart(chunks, run):
        # Which of them was it?
        results = apart([[case] for case in chunk], run) if isinstance(result, Crash) else [(chunk, result)]
        for (case, *_), report in results:
            if isinstance(report, Crash):
                report = Report([case.crashed(library, report)], 1)
            total.add(report)
    return total


# ------------------------------------------------------------------------------------------------------- the two parts


def problems_of_table(library):
    """What of the header is not exported or not compared."""
    builders = {name for name, prototype in library.prototypes.items() if prototype.is_builder}
    yield from (f"nadir_{name} is declared but not exported" for name in library.missing)
    yield from (f"nadir_{name} is not compared: it wants an entry in the table of tests/oracle/table.py"
                for name in sorted(builders - NOT_OPERATIONS - OPERATIONS.keys()))
    yield from (f"nadir_{name} is in the table of tests/oracle/table.py but not in the header"
                for name in sorted((NOT_OPERATIONS | OPERATIONS.keys()) - builders))


def compare_operations(library, names, trials):
    """Compares operations by themselves; the number of those that fail."""
    failing = 0
    for family in dict.fromkeys(OPERATIONS[name].family for name in names):
        members = [name for name in names if OPERATIONS[name].family == family]
        report = run_all(library, [Trial(name, dtype, number) for name in members for dtype in (Dtype.F32, Dtype.F64)
                                   for number in range(trials)])
        by_name = {name: [one for one in report.failures if one.title.startswith(f"{name},")] for name in members}
        wrong = [name for name in members if by_name[name]]
        failing += len(wrong)
        print(f"{'FAIL' if wrong else 'ok  '} {family}: {len(members)} operations, {report.cases} calls, "
              f"{len(report.failures)} mismatches, {report.ill_conditioned} resampled as ill-conditioned", flush=True)
        for name in wrong:
            # The one with the least to read.
            print(f"  {name}: {len(by_name[name])} of {2 * trials} calls differ, for example")
            print("  " + min(map(str, by_name[name]), key=len).replace("\n", "\n  "), flush=True)
    return failing


def compare_graphs(library, seeds):
    """Compares random graphs; the number of those that fail."""
    report = run_all(library, [RandomGraph(seed) for seed in seeds])
    failures = report.failures
    print(f"{'FAIL' if failures else 'ok  '} random graphs: {report.cases} graphs of {report.uses.total()} calls, "
          f"{len(failures)} mismatches, {report.ill_conditioned} resampled as ill-conditioned")
    print_words("calls of each:", (f"{name} {count}" for name, count in sorted(report.uses.items())))
    print_words("never called:", sorted(OPERATIONS.keys() - report.uses.keys()))
    for failure in failures[:MOST_SHOWN]:
        print(f"  {failure.title}: {failure.text}; made small:")
        print("  " + str(make_small(library, failure)).replace("\n", "\n  "), flush=True)
    if len(failures) > MOST_SHOWN:
        print("  and " + ", ".join(failure.title for failure in failures[MOST_SHOWN:]))
    return len(failures)


def compare_optimizers(library):
    """Compares optimisers and schedules; the number of comparisons that fail."""
    failures, count = optimizers.failures(library, OPTIMIZER_TRIALS)
    print(f"{'FAIL' if failures else 'ok  '} optimisers: {count} runs, {len(failures)} mismatches", flush=True)
    for failure in failures[:MOST_SHOWN]:
        print(f"  {failure}")
    return len(failures)


def print_words(title, words):
    """Prints a list below a line of the report, unless it is empty."""
    text = ", ".join(words)
    if text:
        print(textwrap.fill(f"{title} {text}", 120, initial_indent=" " * 5, subsequent_indent=" " * 5))


def make_small(library, failure):
    """A smaller failure of the same kind."""
    def fails(program):
        return random_graphs.failure_if_sensible(library, failure.title, program)

    def fails_alone(program):
        result = alone(lambda: [fails(program)])
        return Failure(failure.title, "crash", str(result), program) if isinstance(result, Crash) else result[0]

    # All in one process, or, if that crashes as well, each try in one of its own.
    if failure.kind != "crash":
        result = alone(lambda: random_graphs.shrunk(failure, fails))
        if not isinstance(result, Crash):
            return result
    return random_graphs.shrunk(failure, fails_alone)


# ---------------------------------------------------------------------------------------------------------------- main


def parse_arguments():
    parser = argparse.ArgumentParser(prog="oracle", description="Compares Nadir with PyTorch.")
    parser.add_argument("--graphs", type=int, metavar="N", help="how many random graphs (2000; 1 with --seed)")
    parser.add_argument("--seed", type=int, metavar="N", help="only random graphs, from this seed on")
    parser.add_argument("--operation", metavar="NAME", help="only this operation, and no random graphs")
    parser.add_argument("--trials", type=int, metavar="N", default=40, help="random calls an operation and dtype (40)")
    parser.add_argument("--library", type=Path, metavar="PATH", default=ROOT / "build/release/libnadir.so",
                        help="the library (build/release/libnadir.so)")
    arguments = parser.parse_args()
    if arguments.operation and arguments.operation not in OPERATIONS:
        parser.error(f"there is no operation {arguments.operation}")
    return arguments


def main():
    arguments = parse_arguments()
    # Sums over nothing and the like are compared on purpose.
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    library = Library(arguments.library.resolve(), (ROOT / "include/nadir/nadir.h").read_text(encoding="utf-8"))
    problems = list(problems_of_table(library))
    for problem in problems:
        print(f"FAIL {problem}")

    only_seed, only_operation = arguments.seed is not None, arguments.operation is not None
    names = [arguments.operation] if only_operation else [] if only_seed else list(OPERATIONS)
    names = [name for name in names if name in library.prototypes and name not in library.missing]
    count = 0 if only_operation else (1 if only_seed else 2000) if arguments.graphs is None else arguments.graphs
    first = arguments.seed or 0

    wrong_operations = compare_operations(library, names, arguments.trials)
    wrong_rules = 0 if only_seed or only_operation else compare_optimizers(library)
    wrong_graphs = compare_graphs(library, range(first, first + count)) if count else 0
    print(f"operations: {len(names)} compared, {wrong_operations} mismatches; "
          f"random graphs: {count}, {wrong_graphs} mismatches")
    sys.exit(bool(problems or wrong_operations or wrong_rules or wrong_graphs))


if __name__ == "__main__":
    main()
