#!/usr/bin/python3
"""Compares Nadir with other libraries and with plain C, in one run.

Each library's candidates live in a program of their own (worker.h says what it is asked), so that each has the environment it
needs. All candidates of a job run in turns of some milliseconds, one at a time and on one core, so that a machine that slows
down or speeds up does so for all of them; what counts are the ratios of the medians. Before that, candidates have to agree:
from equal weights, 100 steps on equal data must lead to equal losses.
"""
import argparse
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from checks import library_link, output_of  # noqa: E402

MEBIBYTE = 1 << 20
COLD_JOBS = ("J10-size", "J10-cold-start", "J10-memory")
TOLERANCE = 1e-3
# dlib's Adam is a little another: it adds its epsilon before it corrects the moments' start, and rounds 1 - beta from floats.
ADAMS_OF_DLIB = 5e-3
ORDER = ["c", "c-fast", "c-openblas", "openblas", "nadir", "nadir-steps", "nadir-2-threads", "libtorch", "libtorch-tuned",
         "fann", "dlib", "kann"]
# Whose numbers the others' are compared with: the first that a job has.
REFERENCES = ["c", "c-openblas", "openblas", "libtorch", "nadir"]

# What makes the C library keep what is freed, where it would give it back to the system and ask for it again each step.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(32 * MEBIBYTE),
    "MALLOC_TRIM_THRESHOLD_": str(1024 * MEBIBYTE),
    "MALLOC_TOP_PAD_": str(64 * MEBIBYTE),
}

# The programs with candidates: name, what is added to the environment, number of cores.
WORKERS = [
    ("c", {}, 1),
    ("openblas", {}, 1),
    ("nadir", {}, 1),
    ("nadir", {"BENCH_CANDIDATE": "nadir-2-threads", "NADIR_THREADS": "2"}, 2),
    ("libtorch", {}, 1),
    ("libtorch", {"BENCH_CANDIDATE": "libtorch-tuned", **KEEP_MEMORY}, 1),
    ("fann", {}, 1),
    ("dlib", {}, 1),
    ("kann", {}, 1),
]

# The kernels of OpenBLAS for processors that it does not know, by what they need, the best first. It would run there what any
# x86-64 has, four times as slow.
OPENBLAS_CORES = [("avx512_bf16", "Cooperlake"), ("avx512vl", "SkylakeX"), ("avx2", "Haswell")]
OPENBLAS_UNKNOWN = "kernels Prescott"

JOBS = {
    "J1": "the line y = w x + b, one sample a step, SGD",
    "J2": "MLP 2-16-1, tanh and sigmoid, squared error, batch 4, SGD",
    "J3": "MLP 13-32-32-32-1, ReLU, squared error, all 379 rows, Adam",
    "J4-sgd-32": "MLP 784-128-10, ReLU, cross-entropy, batch 32, SGD",
    "J4-sgd-128": "the same, batch 128, SGD",
    "J4-adam-32": "the same, batch 32, Adam",
    "J4-adam-128": "the same, batch 128, Adam",
    "J5": "CNN on 28×28: two of conv 3×3, ReLU, max-pool; dense 10; cross-entropy, batch 32, Adam",
    "J5-compilation": "a session of it is made and freed",
    "J6": "MLP 1024-1024-1024-10, ReLU, cross-entropy, batch 128, SGD",
    "J9-small": "prediction of one row by the network of J2",
    "J9-large": "prediction of one row by the network of J4",
    "lstm": "LSTM 128 to 128, batch 32, 64 steps, forward and backward",
    "attention": "causal attention, 4 heads of 32, 128 tokens, batch 8, with its projections, forward and backward",
    "layer_norm": "layer normalisation of [1024, 512], forward and backward",
    "batch_norm": "batch normalisation of [256, 32, 14, 14], forward and backward",
    "elementwise-adam": "a step of Adam over a million parameters",
    "elementwise-sgd": "a step of SGD over a million parameters",
}


def describe(job):
    if job.startswith("gemm-"):
        return "matrix product op(a) · op(b), M×N×K; n as it is, t transposed"
    if job.startswith("elementwise-") and job not in JOBS:
        return "a function of a million floats"
    return JOBS.get(job, "")


# ----------------------------------------------------------------------------------------------------------- the workers


class Failed(Exception):
    """What a worker could not do."""


class Worker:
    """A running program with candidates."""

    def __init__(self, path, additions, cores):
        self.path = path
        self.cores = cores
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith(("OPENBLAS_", "MALLOC_", "NADIR_", "BENCH_", "GLIBC_TUNABLES"))}
        self.environment.update({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})
        self.environment.update(additions)
        self.start()
        self.about = self.ask("about")
        # Libraries that are built upon a BLAS use whichever the system has chosen.
        blas = {Path(line.split()[-1]).resolve() for line in Path(f"/proc/{self.process.pid}/maps").read_text().splitlines()
                if re.search(r"/lib(openblas|blas|blis|mkl_rt|atlas)[^/]*$", line)}
        if self.about and blas and path.name != "bench_openblas":
            self.about += ", BLAS: " + ", ".join(sorted(map(str, blas)))
        count = int(self.ask("list"))
        self.entries = [tuple(self.line().split()) for _ in range(count)]

    def start(self):
        self.process = subprocess.Popen([self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=self.environment, preexec_fn=lambda: os.sched_setaffinity(0, self.cores))

    def fail(self):
        """For a process that ended: another takes its place."""
        status = self.process.wait()
        self.start()
        return Failed(f"{self.path.name} ended with {status}")

    def line(self):
        text = self.process.stdout.readline()
        if not text:
            raise self.fail()
        if text.startswith("error "):
            raise Failed(text[6:].strip())
        return text.strip()

    def ask(self, question):
        try:
            self.process.stdin.write(question + "\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise self.fail() from error
        return self.line()

    def end(self):
        self.process.stdin.close()
        self.process.wait()

    def renew(self):
        """A process without a history: what malloc does depends on what was freed before."""
        self.end()
        self.start()


def processor_flags():
    found = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found.group(1).split() if found else []


def openblas_core(folder, core):
    """What OpenBLAS has to be told, if it does not know the processor and takes the slowest kernels."""
    path = folder / "bench_openblas"
    if not path.exists():
        return {}
    worker = Worker(path, {}, {core})
    worker.end()
    if not worker.about.endswith(OPENBLAS_UNKNOWN):
        return {}
    flags = processor_flags()
    return next(({"OPENBLAS_CORETYPE": name} for flag, name in OPENBLAS_CORES if flag in flags), {})


def start_workers(folder):
    """The programs that were built, and what is said about those that cannot run."""
    cores = sorted(os.sched_getaffinity(0))
    workers, notes = [], []
    for_openblas = openblas_core(folder, cores[-1])
    if for_openblas:
        notes.append("OpenBLAS does not know this processor: it was told "
                     f"OPENBLAS_CORETYPE={for_openblas['OPENBLAS_CORETYPE']}")
    for name, additions, count in WORKERS:
        path = folder / f"bench_{name}"
        if not path.exists():
            notes.append(f"{name} was not built: its candidates are left out")
        elif count > len(cores):
            notes.append(f"{additions['BENCH_CANDIDATE']} needs {count} cores: left out")
        else:
            # The last ones: systems like to do their own work on the first.
            workers.append(Worker(path, {**for_openblas, **additions}, set(cores[-count:])))
    return workers, notes


# ---------------------------------------------------------------------------------------------------------------- a job


class Candidate:
    """What a job is done by, and how long it took."""

    def __init__(self, name, worker):
        self.name = name
        self.worker = worker
        self.numbers = []
        self.steps = 1
        self.times = []
        self.agrees = True

    def prepare(self, job):
        self.worker.ask(f"prepare {job} {self.name}")
        self.numbers = [float(word) for word in self.worker.ask(f"check {self.name}").split()]

    def time(self):
        return int(self.worker.ask(f"run {self.name} {self.steps}"))

    def calibrate(self, wanted, least):
        """Finds the number of steps that take about `wanted` nanoseconds, `least` at least: the first meets a cold cache."""
        taken = self.time()
        while taken < wanted / 4:
            self.steps *= 8 if taken < wanted / 32 else 2
            taken = self.time()
        self.steps = max(least, round(self.steps * wanted / taken))

    def measure(self):
        self.times.append(self.time() / self.steps)

    @property
    def median(self):
        return statistics.median(self.times)


def agree(job, candidate, reference):
    """Whether two candidates came to the same numbers."""
    tolerance = ADAMS_OF_DLIB if candidate.name == "dlib" and "Adam" in describe(job) else TOLERANCE
    return len(candidate.numbers) == len(reference.numbers) and all(
        math.isclose(x, y, rel_tol=tolerance, abs_tol=1e-9) for x, y in zip(candidate.numbers, reference.numbers))


def run_job(job, workers, rounds, wanted, least, notes):
    """The candidates of a job, measured."""
    candidates = []
    for worker in workers:
        names = [name for its_job, name in worker.entries if its_job == job]
        if names:
            worker.renew()
        for name in names:
            candidate = Candidate(name, worker)
            try:
                candidate.prepare(job)
                candidate.calibrate(wanted, least)
                # Threads that a build does not have are not claimed.
                if len(worker.cores) > 1 and int(worker.ask("threads")) == 1:
                    notes.append(f"{job}: {name} ran on one thread: this build of Nadir has no more, it is left out")
                    continue
            except Failed as reason:
                notes.append(f"{job}: {name} failed: {reason}")
                continue
            candidates.append(candidate)
    candidates.sort(key=lambda candidate: ORDER.index(candidate.name))
    by_name = {candidate.name: candidate for candidate in candidates}
    reference = next((by_name[name] for name in REFERENCES if name in by_name), None)
    for candidate in candidates:
        candidate.agrees = agree(job, candidate, reference)
    for _ in range(rounds):
        for candidate in candidates:
            candidate.measure()
    for worker in {candidate.worker for candidate in candidates}:
        worker.ask("forget")
    return candidates


# ------------------------------------------------------------------------------------------------- size, start and memory


def cold_start(folder, rounds):
    """The bytes of the library as a package ships it; the nanoseconds to the first step; the bytes of memory."""
    build = folder.parent
    shipped = folder / "shipped"
    shipped.mkdir(exist_ok=True)
    library = shipped / "libnadir.so.0"
    command = library_link(build)
    command[command.index("-o") + 1] = str(library)
    # What the option NADIR_STATIC_RUNTIME adds, without another build.
    output_of(*command, "-static-libgcc", "-static-libstdc++", "-Wl,-s", cwd=build)
    core = max(os.sched_getaffinity(0))
    lines = output_of(folder / "bench_launch", rounds, folder / "bench_nothing", folder / "bench_first_step",
                      preexec_fn=lambda: os.sched_setaffinity(0, {core})).splitlines()
    (nothing, nothing_median, _), (first, first_median, memory) = [map(int, line.split()) for line in lines]
    return library.stat().st_size, first - nothing, first_median - nothing_median, memory * 1024


# -------------------------------------------------------------------------------------------------------------- verdicts


class Verdicts:
    """The targets, and whether the medians meet them."""

    def __init__(self, medians):
        self.medians = medians
        self.rows = []  # target, what was found, verdict

    def add(self, target, found, limit, at_most=True, form="{:.2f}"):
        if found is None:
            self.rows.append((target, "-", "not measured"))
            return
        missed = found / limit - 1 if at_most else 1 - found / limit
        verdict = "met" if missed <= 0 else f"missed by {100 * missed:.0f} %" if missed >= 0.01 else "missed by < 1 %"
        self.rows.append((target, form.format(found), verdict))

    def median(self, job, *candidates):
        """The least of the candidates' medians."""
        return min((self.medians[job, name] for name in candidates if (job, name) in self.medians), default=None)

    def ratio(self, job, limit, candidate, *peers, text=None):
        mine, theirs = self.median(job, candidate), self.median(job, *peers)
        names = peers[0] if len(peers) == 1 else "the better " + peers[0]
        self.add(f"{job}: {candidate} ≤ {text or limit} × {names}", mine / theirs if mine and theirs else None, limit)

    def speedup(self, job, limit):
        one, two = self.median(job, "nadir"), self.median(job, "nadir-2-threads")
        self.add(f"{job}: two threads ≥ {limit} × the speed of one", one / two if one and two else None, limit, at_most=False)

    def products(self):
        ratios = {}
        for job, name in self.medians:
            if job.startswith("gemm-") and name == "nadir" and (job, "openblas") in self.medians:
                ratios[job] = self.medians[job, "openblas"] / self.medians[job, "nadir"]
        small = [f"gemm-{kind}-{n}x{n}x{n}" for kind in ("nn", "tn", "nt") for n in (16, 32, 64)]
        worst = min(ratios, key=ratios.get, default=None)
        self.add("sgemm: geometric mean of OpenBLAS's time / Nadir's ≥ 0.97",
                 statistics.geometric_mean(ratios.values()) if ratios else None, 0.97, at_most=False)
        self.add("sgemm: none under 0.85" + (f" (least: {worst[5:]})" if worst else ""), ratios.get(worst), 0.85, at_most=False)
        worst = min((job for job in small if job in ratios), key=ratios.get, default=None)
        self.add("sgemm: squares up to 64 ≥ 1.1" + (f" (least: {worst[5:]})" if worst else ""), ratios.get(worst), 1.1,
                 at_most=False)

    def all(self, start):
        better = ("libtorch", "libtorch-tuned")
        self.ratio("J1", 3.5, "nadir", "c")
        self.ratio("J1", 2.5, "nadir-steps", "c")
        self.ratio("J2", 0.9, "nadir", "c-fast")
        self.ratio("J2", 0.1, "nadir", "fann")
        self.ratio("J3", 0.75, "nadir", "c-openblas")
        self.ratio("J3", 0.25, "nadir", *better)
        for job, by_hand, torch in (("J4-sgd-32", 0.85, 0.5), ("J4-sgd-128", 0.95, 0.75)):
            self.ratio(job, by_hand, "nadir", "c-openblas")
            self.ratio(job, torch, "nadir", *better)
        for job, by_hand, torch in (("J4-adam-32", 0.85, 0.42), ("J4-adam-128", 0.95, 0.68)):
            self.ratio(job, by_hand, "nadir", "c-openblas")
            self.ratio(job, torch, "nadir", *better)
        self.ratio("J5", 0.4, "nadir", *better)
        self.ratio("J6", 1.0, "nadir", "c-openblas")
        self.ratio("J6", 0.9, "nadir", *better)
        self.products()
        self.ratio("lstm", 0.7, "nadir", *better)
        self.ratio("attention", 0.7, "nadir", *better)
        self.ratio("layer_norm", 0.5, "nadir", *better)
        self.ratio("batch_norm", 0.5, "nadir", *better)
        self.ratio("J9-small", 1 / 3, "nadir", "fann", text="1/3")
        self.ratio("J9-large", 0.25, "nadir", *better)
        size, least, _, memory = start or (None, None, None, None)
        self.add("J10-size: the library ≤ 1,048,576 bytes", size, MEBIBYTE, form="{:,}")
        self.add("J10-cold-start: to the first step ≤ 2 ms", least and least / 1e6, 2, form="{:.2f} ms")
        self.add("J10-memory: at the peak ≤ 4 MB", memory and memory / MEBIBYTE, 4, form="{:.2f} MB")
        self.speedup("J6", 1.8)
        self.speedup("J5", 1.7)
        self.speedup("J1", 1)
        self.speedup("J2", 1)
        compilation = self.median("J5-compilation", "nadir")
        self.add("J5-compilation: a session is made in ≤ 5 ms", compilation and compilation / 1e6, 5, form="{:.2f} ms")
        return self.rows


# -------------------------------------------------------------------------------------------------------------- printing


def duration(nanoseconds):
    for unit, size in (("ns", 1), ("µs", 1e3), ("ms", 1e6)):
        if nanoseconds < 1000 * size or unit == "ms":
            value = nanoseconds / size
            return f"{value:.{max(0, 2 - len(str(int(value))) + 1)}f} {unit}"
    return ""


def aligned(rows):
    """Lines of a table whose first column is left-aligned."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join([row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]).rstrip()
            for row in rows]


def job_rows(candidates):
    nadir = next((candidate.median for candidate in candidates if candidate.name == "nadir"), None)
    rows = []
    for candidate in candidates:
        numbers = candidate.numbers
        check = f"{numbers[0]:.5g} → {numbers[1]:.5g}" if len(numbers) == 2 else f"{numbers[0]:.5g} …"
        rows.append((candidate.name, duration(min(candidate.times)), duration(candidate.median),
                     f"{candidate.median / nadir:.2f}" if nadir else "-", check + ("" if candidate.agrees else "  DIFFER")))
    return rows


HEADS = ("", "min", "median", "× nadir", "losses, or sums")


def cold_rows(start):
    size, least, median, memory = start
    return [("size of the library", f"{size:,} bytes"), ("cold start, min", duration(least)),
            ("cold start, median", duration(median)), ("greatest memory", f"{memory / MEBIBYTE:.2f} MB")]


def losses_of_nadir(results):
    """Where another candidate is faster than Nadir, the worst first."""
    found = []
    for job, candidates in results.items():
        nadir = next((candidate.median for candidate in candidates if candidate.name == "nadir"), None)
        best = min((c for c in candidates if not c.name.startswith("nadir")), key=lambda c: c.median, default=None)
        if nadir and best and best.median < nadir:
            found.append((nadir / best.median, job, best.name))
    return [f"{job}: {name} is {ratio:.2f} times as fast" for ratio, job, name in sorted(found, reverse=True)]


def machine():
    """What the run was made on, a line each."""
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
                  if line.startswith(("model name", "Model"))), platform.machine())
    return [f"{model}, {len(os.sched_getaffinity(0))} cores, {platform.system()} {platform.release()}",
            " ".join(platform.libc_ver()),
            "malloc of libtorch-tuned: " + ", ".join(f"{name}={value}" for name, value in KEEP_MEMORY.items())]


def write_markdown(path, facts, results, start, verdicts, slower, notes, rounds, wanted):
    lines = ["# Performance", "",
             "How long a step takes: Nadir, other libraries and plain C, from equal weights on equal data. `./run bench` makes "
             "this comparison, and `--markdown` writes this page.", "",
             f"Each job had processes of its own. All candidates of a job ran in turns of {wanted / 1e6:g} ms, {rounds} times, each on one thread unless its name says "
             "otherwise. \"× nadir\" is the median over Nadir's: over 1, Nadir is faster. Candidates whose losses differed are "
             "marked.", "", "## The machine and the libraries", ""]
    lines += [f"- {fact}" for fact in facts] + [""]
    lines += ["## Targets", "", "| target | found | verdict |", "|---|---:|---|"]
    lines += [f"| {' | '.join(row)} |" for row in verdicts] + [""]
    lines += ["## Where Nadir loses", ""] + ([f"- {line}" for line in slower] or ["Nowhere in this run."]) + [""]
    lines += ["## All times", ""]
    for job, candidates in results.items():
        lines += [f"### {job}", "", describe(job)[:1].upper() + describe(job)[1:] + ".", "",
                  "| candidate | min | median | × nadir | |", "|---|---:|---:|---:|---|"]
        lines += [f"| {' | '.join(row[:4])} | {'' if candidate.agrees else 'losses differ'} |"
                  for row, candidate in zip(job_rows(candidates), candidates)] + [""]
    if start:
        lines += ["### J10", "", "The library as a package ships it, and a program from nothing to its first step.", "",
                  "| | |", "|---|---:|"] + [f"| {' | '.join(row)} |" for row in cold_rows(start)] + [""]
    if notes:
        lines += ["## Left out", ""] + [f"- {note}" for note in notes] + [""]
    Path(path).write_text("\n".join(lines), encoding="utf-8")


def json_rows(results, start):
    rows = [{"job": job, "candidate": candidate.name, "min_ns": min(candidate.times), "median_ns": candidate.median,
             "rounds": len(candidate.times)} for job, candidates in results.items() for candidate in candidates]
    if start:
        size, least, median, memory, rounds = start
        found = ({"bytes": size}, {"min_ns": least, "median_ns": median, "rounds": rounds}, {"bytes": memory})
        rows += [{"job": job, "candidate": "nadir", **numbers} for job, numbers in zip(COLD_JOBS, found)]
    return rows


def main():
    parser = argparse.ArgumentParser(prog="./run bench", description="Compares Nadir with other libraries and with plain C.")
    parser.add_argument("--json", metavar="FILE", help="writes the times as JSON")
    parser.add_argument("--markdown", metavar="FILE", help="writes the tables and the verdicts as Markdown")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: for a first impression")
    parser.add_argument("--job", metavar="PREFIX", action="append", help="only the jobs whose names begin so; may be repeated")
    parser.add_argument("--build", metavar="DIR", type=Path, default=ROOT / "build/bench", help=argparse.SUPPRESS)
    # For the help alone: `run` takes them, and builds accordingly.
    parser.add_argument("--torch", metavar="DIR", help="compares with the LibTorch in this folder in place of the system's")
    parser.add_argument("--kann", metavar="DIR", help="compares with the KANN whose sources are in this folder, too")
    options = parser.parse_args()
    rounds, wanted, least = (7, 5e6, 1) if options.quick else (25, 30e6, 3)
    folder = options.build.resolve() / "bench"

    workers, notes = start_workers(folder)
    facts = machine() + list(dict.fromkeys(worker.about for worker in workers if worker.about))
    print("\n".join(facts))
    known = dict.fromkeys(list(JOBS) + [job for worker in workers for job, _ in worker.entries])
    groups = ("J", "gemm-", "elementwise-", "")
    jobs = sorted(known, key=lambda job: next(rank for rank, prefix in enumerate(groups) if job.startswith(prefix)))
    wished = tuple(options.job) if options.job else ("",)
    cold = any(job.startswith(wished) for job in COLD_JOBS)
    jobs = [job for job in jobs if job.startswith(wished)]
    if not jobs and not cold:
        parser.error("no job begins so")

    results = {}
    for job in jobs:
        candidates = run_job(job, workers, rounds, wanted, least, notes)
        if candidates:
            results[job] = candidates
            print(f"\n{job}: {describe(job)}")
            print("\n".join(aligned([HEADS] + job_rows(candidates))), flush=True)
    for worker in workers:
        worker.end()

    start = None
    if cold:
        launches = 200 if options.quick else 1000
        start = cold_start(folder, launches)
        print("\nJ10: the library as a package ships it, and a program from nothing to its first step")
        print("\n".join(aligned([("", "")] + cold_rows(start))))

    medians = {(job, candidate.name): candidate.median for job, candidates in results.items() for candidate in candidates}
    verdicts = [row for row in Verdicts(medians).all(start) if not options.job or row[2] != "not measured"]
    print("\nTargets (medians, of this run):")
    print("\n".join("  " + line for line in aligned([("", "found", "verdict")] + verdicts)))
    slower = losses_of_nadir(results)
    print("\nWhere Nadir loses:" + ("" if slower else " nowhere in this run"))
    for line in slower:
        print("  " + line)
    for note in notes:
        print("note: " + note)

    if options.json:
        rows = json_rows(results, start and (*start, launches))
        Path(options.json).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if options.markdown:
        write_markdown(options.markdown, facts, results, start, verdicts, slower, notes, rounds, wanted)
    differing = [f"{job} {c.name}" for job, candidates in results.items() for c in candidates if not c.agrees]
    if differing:
        print("losses differ: " + ", ".join(differing))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
