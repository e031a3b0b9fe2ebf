#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks every #include <wavs/...> of a module against the table in cmake/layers.txt.

CMake already keeps a module from finding headers of a module it does not link; this catches what is reached through
another module's links.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]wavs/([a-z_0-9]+)/')


def read_table():
    levels, allowed = {}, {}
    for line in (ROOT / "cmake/layers.txt").read_text().splitlines():
        match = re.match(r"^(\d+)\s+([a-z][a-z0-9_]*)\s*:?\s*(.*)$", line)
        if match:
            levels[match[2]] = int(match[1])
            allowed[match[2]] = set(match[3].split())
    return levels, allowed


def table_problems(levels, allowed):
    for name, edges in allowed.items():
        for edge in edges:
            if edge not in levels:
                yield f"cmake/layers.txt: {name} lists unknown module {edge}"
            elif levels[edge] > levels[name] or (levels[edge] == levels[name] and levels[name] >= 4):
                yield f"cmake/layers.txt: {name} (level {levels[name]}) may not list {edge} (level {levels[edge]})"


def include_problems(allowed):
    for module in sorted(allowed):
        for path in sorted((ROOT / "src" / module).rglob("*.[ch]pp")):
            inside = path.relative_to(ROOT / "src" / module).parts
            # Tests and fakes may use other modules' fakes.
            if inside[0] in ("tests", "testing", "fuzz", "bench"):
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if match and match[1] != module and match[1] not in allowed[module]:
                    yield f"{path.relative_to(ROOT)}:{number}: module {module} may not include {match[1]}"


def main():
    levels, allowed = read_table()
    problems = list(table_problems(levels, allowed)) + list(include_problems(allowed))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
