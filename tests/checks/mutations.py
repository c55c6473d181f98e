"""Invariant: each patch of tests/mutations still fits the source that it breaks, says which rule that is, and is in the
table of docs/mutations.md, so that script/mutate and the table never lag behind.

usage: mutations.py REPOSITORY
"""

import re
import sys
from pathlib import Path

ROOT = Path(sys.argv[1]).resolve()


def faults(patch, table):
    rule, _, body = patch.read_text().partition("\n\n")
    if rule not in table:
        yield "its rule is not in docs/mutations.md"
    target = re.search(r"^\+\+\+ b/(.+)$", body, re.MULTILINE)
    if not target or not (ROOT / target[1]).is_file():
        yield "it patches no file that is there"
        return
    source = (ROOT / target[1]).read_text()
    hunks = re.split(r"^@@ .* @@.*\n", body, flags=re.MULTILINE)[1:]
    if not hunks:
        yield "it changes nothing"
    for hunk in hunks:
        before = "".join(line[1:] for line in hunk.splitlines(True) if line[0] in " -")
        if source.count(before) != 1:
            yield f"it does not fit {target[1]}"


def main():
    patches = sorted((ROOT / "tests/mutations").glob("*.patch"))
    table = (ROOT / "docs/mutations.md").read_text()
    wrong = [f"{patch.relative_to(ROOT)}: {fault}" for patch in patches for fault in faults(patch, table)]
    if wrong:
        sys.exit("\n".join(wrong))
    if not patches:
        sys.exit(f"{ROOT}: no mutations found: not the repository")
    print(f"{len(patches)} mutations, all fit")


main()
