"""What the checks written in Python share: where the tree is, what is in it, and how a result is told."""
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def report(name, problems, note=""):
    """Prints `ok   name` or `FAIL name: what`, the further problems below it, and ends the program accordingly."""
    if not problems:
        print(f"ok   {name}" + (f": {note}" if note else ""))
        sys.exit(0)
    lines = "\n".join(problems).splitlines()
    print(f"FAIL {name}: {lines[0]}")
    for line in lines[1:]:
        print(f"       {line}")
    sys.exit(1)


def run(*command, **options):
    """The finished process of a command, its output as text; the command itself may fail."""
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)


def output_of(*command, **options):
    """What a command that must succeed prints."""
    done = run(*command, **options)
    if done.returncode != 0:
        raise SystemExit(f"FAIL {Path(sys.argv[0]).stem}: {' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


def project_files(pattern="."):
    """The files of the project whose path matches the regular expression, relative to ROOT."""
    return [Path(line) for line in output_of("bash", ROOT / "tools/list_files.sh", pattern).splitlines()]


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def without_comments(text):
    """C or C++ without comments, its lines kept in place."""
    return re.sub(r"/\*.*?\*/|//[^\n]*", lambda found: "\n" * found[0].count("\n"), text, flags=re.S)


def library_link(build):
    """The command, as a list of words, by which the build tree `build` links the shared library."""
    lines = output_of("ninja", "-C", build, "-t", "commands", "libnadir.so").splitlines()
    links = [line for line in lines if " -shared " in line]
    if len(links) != 1:
        raise SystemExit(f"FAIL {Path(sys.argv[0]).stem}: {build} has {len(links)} commands that link libnadir.so, not 1")
    words = shlex.split(links[0])
    # CMake writes `: && compiler … && :`.
    first = words.index("&&") + 1
    return words[first:words.index("&&", first)]


def library_objects(build):
    """The object files of the shared library, relative to the build tree."""
    return [word for word in library_link(build) if word.endswith(".o")]
