"""Invariant: every source is named in its folder's CMakeLists.txt, so that none is silently neither
built nor run; and every decision in the list of them.

usage: listed.py REPOSITORY
"""

import re
import sys
from pathlib import Path

ROOT = Path(sys.argv[1]).resolve()


# folder, what its sources end in, whose CMakeLists.txt names them
SOURCES = [
    *((f"{part}/src", ".cpp", part)
      for part in ("core", "adapters/common", "adapters/epoll", "adapters/uring", "adapters/asio")),
    ("tests", "_test.cpp", "tests"),
    ("tests/interop", "_test.py", "tests/interop"),
    ("examples", ".cpp", "examples"),
    ("fuzz", ".cpp", "fuzz"),
    ("fuzz/support", ".cpp", "fuzz"),
    ("bench", ".cpp", "bench"),
]


def words(folder):
    """What the folder's CMakeLists.txt mentions; if it has none, what that of its parent does."""
    listing = ROOT / folder / "CMakeLists.txt"
    if not listing.is_file():
        return words(Path(folder).parent)
    return set(re.findall(r"[\w./-]+", re.sub(r"#.*", "", listing.read_text())))


def main():
    unlisted = []
    count = 0
    for folder, suffix, owner in SOURCES:
        for file in sorted((ROOT / folder).glob(f"*{suffix}")):
            count += 1
            names = {file.name, file.name.removesuffix(suffix), str(file.relative_to(ROOT / owner))}
            if not names & words(owner):
                unlisted.append(f"{folder}/{file.name}")
    if unlisted:
        sys.exit("named in no CMakeLists.txt:\n  " + "\n  ".join(unlisted))
    decisions = ROOT / "docs/decisions"
    listing = (decisions / "README.md").read_text(encoding="utf-8")
    missing = [file.name for file in sorted(decisions.glob("[0-9]*.md")) if f"({file.name})" not in listing]
    if missing:
        sys.exit("not in docs/decisions/README.md:\n  " + "\n  ".join(missing))
    if not count:
        sys.exit(f"{ROOT}: no sources found: not the repository")
    print(f"{count} sources, all listed")


main()
