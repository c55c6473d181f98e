"""Compiles every C++ block of the documentation: snippets.py <root> <compiler> <flag>..."""
import pathlib
import re
import subprocess
import sys

BLOCK = re.compile(r"^```cpp\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main() -> int:
    root, command = pathlib.Path(sys.argv[1]), sys.argv[2:]
    pages = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    compiled = failed = 0
    for page in pages:
        for match in BLOCK.finditer(page.read_text(encoding="utf-8")):
            line = page.read_text(encoding="utf-8")[: match.start()].count("\n") + 2
            source = f'#line {line} "{page.relative_to(root)}"\n{match.group(1)}'
            run = subprocess.run([*command, "-fsyntax-only", "-x", "c++", "-"], input=source, text=True, check=False)
            compiled += 1
            failed += run.returncode != 0
    print(f"{compiled} blocks compiled, {failed} failed")
    return 1 if failed or not compiled else 0


sys.exit(main())
