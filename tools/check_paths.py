#!/usr/bin/python3
"""Every path that a page names exists: a page that leads nowhere is worse than none.

Checked are the paths in backticks that begin with a folder of the tree, and the links between pages. In a path `*`,
`<name>` and `{a,b}` stand for what they do in a shell.
"""
import re

from checks import ROOT, project_files, read, report

FOLDERS = r"(?:src|capi|include|examples|tests|tools|bench|docs|cmake)/"


def expanded(path):
    """The paths that a path with {a,b} stands for."""
    braces = re.search(r"\{([^{}]*)\}", path)
    if not braces:
        return [path]
    return [one for choice in braces[1].split(",")
            for one in expanded(path[:braces.start()] + choice + path[braces.end():])]


def exists(folder, path):
    pattern = re.sub(r"<[^<>]*>", "*", path).rstrip("/")
    if "*" in pattern:
        return any(folder.glob(pattern))
    return (folder / pattern).exists()


problems = []
count = 0
for page in project_files(r"\.md$"):
    for number, line in enumerate(read(page).splitlines(), 1):
        # A word of a command counts as much as a path alone; a line number behind it does not.
        words = [word.strip(",;:()") for quoted in re.findall(r"`([^`]+)`", line) for word in quoted.split()]
        paths = [re.sub(r":\d+$", "", word) for word in words if re.match(FOLDERS, word)]
        links = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", line)
        wanted = [(ROOT, one) for path in paths for one in expanded(path)] + [((ROOT / page).parent, link) for link in links]
        count += len(wanted)
        problems += [f"{page}:{number}: {path}" for folder, path in wanted if not exists(folder, path)]
report("paths", problems, f"{count} paths in pages")
