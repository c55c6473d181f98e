"""Finishes the site: copies the files of the repository that its pages link to, and fails if any link leads nowhere.

usage: finish.py REPOSITORY SITE
"""

import html
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote

ROOT, SITE = Path(sys.argv[1]), Path(sys.argv[2])
COPIES = SITE / "files"

LINK = re.compile(r'<a\b[^>]*?\bhref="([^"]*)"')
ANCHOR = re.compile(r'\b(?:id|name)="([^"]*)"')
# Doxygen 1.9.4 has a link to this heading where all nested classes are private, and no such heading.
SPURIOUS = {"#nested-classes"}


def copied(target):
    """Whether `target` is a file of the repository that a page may link to; then it is in the site by now."""
    source = ROOT / target.relative_to(COPIES)
    if not source.is_file():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return True


def main():
    pages = sorted(SITE.glob("*.html"))
    if not pages:
        sys.exit(f"{SITE}: no pages")
    texts = {page: page.read_text(encoding="utf-8") for page in pages}
    anchors = {page: set(ANCHOR.findall(text)) for page, text in texts.items()}
    broken = set()
    for page, text in texts.items():
        for link in map(html.unescape, LINK.findall(text)):
            if re.match(r"[a-z]+:", link) or link in SPURIOUS:
                continue
            path, _, anchor = link.partition("#")
            target = SITE / unquote(path) if path else page
            exists = target.is_file() or (COPIES in target.parents and copied(target))
            if not exists or (anchor and target in anchors and anchor not in anchors[target]):
                broken.add(f"{page.name}: {link}")
    if broken:
        sys.exit("links that lead nowhere:\n  " + "\n  ".join(sorted(broken)))


main()
