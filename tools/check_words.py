#!/usr/bin/python3
"""Nothing in the tree speaks of the place where it was written: folders of one machine, numbers of a list that readers
cannot see, tools and helpers that had a hand in it. The patterns are put together from pieces so that this file passes.
"""
import re

from checks import ROOT, project_files, report

PATTERNS = [
    # folders of one machine
    r"(?<![\w.])/" + "wo" + r"rk/\w",
    r"(?<![\w.])/(ho" + r"me|Us" + r"ers)/[a-z]\w*/",
    r"\.\./sha" + r"red\b",
    r"sha" + r"red/(des" + r"ign|da" + r"ta)\b",
    # numbers of a list that readers cannot see
    r"\b(iss" + r"ue|tic" + r"ket|pull re" + r"quest)s? ?#?\d+",
    r"\b(clo" + r"ses|fi" + r"xes|resol" + r"ves) #\d+",
    # helpers
    r"\bcla" + r"ude\b", r"\banth" + r"ropic\b", r"\bchat" + r"gpt\b", r"\bcopi" + r"lot\b", r"\bcod" + r"ex\b",
    r"\bsub-?age" + r"nts?\b", r"\bage" + r"nts?\.md\b", r"\bLL" + r"Ms?\b",
    r"\b(AI|language mo" + r"del) assis" + r"tant", r"\bco-auth" + r"ored-by\b", r"\bgenerated (with|by) (an )?AI\b",
    r"\b(the|this|my|our) bri" + r"ef\b", r"\b(previous|earlier|last|next|this) wor" + r"king ses" + r"sion\b",
]
EITHER = re.compile("|".join(PATTERNS), flags=re.I)

problems = []
files = project_files()
for path in files:
    try:
        text = (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:  # no text
        continue
    for number, line in enumerate(text.splitlines(), 1):
        found = EITHER.search(line)
        if found:
            problems.append(f"{path}:{number}: {found[0]!r}")
report("words", problems, f"{len(files)} files")
