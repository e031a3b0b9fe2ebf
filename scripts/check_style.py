#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what no other tool checks: licence lines, file length, words that do not belong, module READMEs, and
end-to-end tests that nobody runs."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = (".cpp", ".hpp", ".rs", ".py", ".sh", ".cmake", ".sol", ".mjs", ".wit")
MAX_LINES = 800
README_HEADINGS = ("**Does**", "**Does not**", "**Doors**", "**In and out**", "**Owns**", "**When it fails**",
                   "**How it is tested**")
WORDS = re.compile(r"\b(TODO|FIXME|XXX)\b")
VENDORED = ("wit/deps/wasi", "wit/deps/")
GENERATED = ("rust/include/wavs_rt.h",)


def files():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def problems_of(path):
    name = str(path.relative_to(ROOT))
    if name.startswith(VENDORED) or name in GENERATED or path.suffix not in SOURCE:
        return
    text = path.read_text()
    head = "\n".join(text.splitlines()[:3])
    if "SPDX-License-Identifier: Apache-2.0" not in head:
        yield f"{name}:1: no licence line"
    lines = text.splitlines()
    if len(lines) > MAX_LINES:
        yield f"{name}: {len(lines)} lines, the limit is {MAX_LINES}"
    if name == "scripts/check_style.py":
        return
    for number, line in enumerate(lines, 1):
        if WORDS.search(line):
            yield f"{name}:{number}: unfinished business"


def readme_problems():
    for module in sorted((ROOT / "src").iterdir()):
        readme = module / "README.md"
        if not (module / "CMakeLists.txt").exists():
            continue
        if not readme.exists():
            yield f"src/{module.name}: no README.md"
            continue
        text = readme.read_text()
        for heading in README_HEADINGS:
            if heading not in text:
                yield f"src/{module.name}/README.md: no {heading}"


def unregistered_tests():
    """Each end-to-end test is an entry of its own for ctest; without one it never runs."""
    registered = (ROOT / "tests/CMakeLists.txt").read_text()
    for path in sorted((ROOT / "tests/e2e").glob("*.cpp")):
        for test in re.findall(r"^TEST(?:_F|_P)?\(\w+,\s*(\w+)\)", path.read_text(), re.MULTILINE):
            if not re.search(rf"\b{test}\b", registered):
                yield f"tests/e2e/{path.name}: {test} is not in tests/CMakeLists.txt, so it never runs"


def main():
    problems = [problem for path in files() for problem in problems_of(path)] + list(readme_problems())
    problems += unregistered_tests()
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
