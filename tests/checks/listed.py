"""Invariant: every source is named in its folder's CMakeLists.txt, so that none is silently neither
built nor run.

usage: listed.py REPOSITORY
"""

import re
import sys
from pathlib import Path

ROOT = Path(sys.argv[1]).resolve()


def words(folder):
    text = re.sub(r"#.*", "", (ROOT / folder / "CMakeLists.txt").read_text())
    return set(re.findall(r"[\w./-]+", text))


def main():
    unlisted = []
    count = 0
    for folder in ("core", "adapters/common", "adapters/epoll", "adapters/uring", "adapters/asio"):
        for file in sorted((ROOT / folder / "src").rglob("*.cpp")):
            count += 1
            name = str(file.relative_to(ROOT / folder / "src"))
            if not {name, f"src/{name}"} & words(folder):
                unlisted.append(f"{folder}/src/{name}")
    for folder, suffix in (("tests", "_test.cpp"), ("examples", ".cpp"), ("fuzz", ".cpp"), ("bench", ".cpp")):
        for file in sorted((ROOT / folder).glob(f"*{suffix}")):
            count += 1
            if not {file.name, file.name.removesuffix(suffix)} & words(folder):
                unlisted.append(f"{folder}/{file.name}")
    if unlisted:
        sys.exit("named in no CMakeLists.txt:\n  " + "\n  ".join(unlisted))
    if not count:
        sys.exit(f"{ROOT}: no sources found: not the repository")
    print(f"{count} sources, all listed")


main()
