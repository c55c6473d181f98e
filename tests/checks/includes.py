"""Invariant: a folder includes only what its row of the table below allows, so that the core stays
free of I/O, adapters never know of each other, and examples use public headers only.

usage: includes.py REPOSITORY
"""

import re
import sys
from pathlib import Path

ROOT = Path(sys.argv[1]).resolve()
INCLUDE = re.compile(r'^\s*#\s*include\s*(?P<form>[<"])(?P<name>[^>"]+)[>"]', re.MULTILINE)

# Standard headers that would bring the core I/O, threads or randomness.
IMPURE = {
    "condition_variable", "cstdio", "ctime", "filesystem", "fstream", "future", "iostream", "istream",
    "latch", "mutex", "ostream", "random", "semaphore", "shared_mutex", "sstream", "stop_token", "syncstream",
    "thread", "barrier", "csignal", "stdio.h",
}
INTRINSICS = {"immintrin.h", "arm_neon.h", "cpuid.h"}


# A standard C++ header has no dot and no slash in its name.
def is_standard(name):
    return "." not in name and "/" not in name


def is_libc(name):
    foreign = ("openssl/", "zlib.h", "liburing", "asio", "boost/", "tl/", "doctest/", "benchmark/")
    return name.endswith(".h") and not name.startswith(foreign)


def is_loop(name):
    return name in {"sys/epoll.h", "sys/poll.h", "poll.h", "sys/select.h", "linux/io_uring.h"}


# folder: (folders whose public headers it may use, whether it may use this system header)
TABLE = {
    "core": ((), lambda name: is_standard(name) and name not in IMPURE or name in INTRINSICS),
    "adapters/common": (
        ("core",),
        lambda name: is_standard(name) or name.startswith(("openssl/", "tl/"))
        or is_libc(name) and not is_loop(name),
    ),
    "adapters/epoll": (
        ("core", "adapters/common"),
        lambda name: is_standard(name) or name.startswith("tl/") or is_libc(name) and name != "linux/io_uring.h",
    ),
    "adapters/uring": (
        ("core", "adapters/common"),
        lambda name: is_standard(name) or name.startswith(("tl/", "liburing"))
        or is_libc(name) and name != "sys/epoll.h",
    ),
    "adapters/asio": (
        ("core", "adapters/common"),
        lambda name: is_standard(name) or name.startswith("tl/") or is_libc(name) and not is_loop(name),
    ),
    "examples": (
        ("core", "adapters/common", "adapters/epoll", "adapters/uring", "adapters/asio"),
        lambda name: is_standard(name) or name.startswith(("tl/", "asio")) or is_libc(name),
    ),
    "fuzz": (
        ("core", "adapters/common"),
        lambda name: is_standard(name) or is_libc(name) or name == "zlib.h",
    ),
}

# Inner headers that a folder may use: its own, the core's where those are what is fuzzed, and the certificates of the tests.
INNER = {"fuzz": ("fuzz", "core/src", "tests")}

# Which Asio the adapter is over is decided in these alone.
ASIO = "adapters/asio/include/wolframite/asio/detail/"
ALIASES = {ASIO + "net.hpp", ASIO + "net_ssl.hpp"}

# What a single file may use beyond its folder's row, so that it can be left out or replaced.
EXCEPTIONS = {
    "core/src/accept_key.cpp": {"openssl/evp.h", "openssl/sha.h"},
    "core/src/deflate_zlib.cpp": {"zlib.h"},
    "examples/wsclient.cpp": {"CLI/CLI.hpp"},
}


def public_header(folder, name):
    return (ROOT / folder / "include" / name).is_file()


def is_allowed(file, folder, form, name):
    others, system = TABLE[folder]
    relative = str(file.relative_to(ROOT))
    if name in EXCEPTIONS.get(relative, ()) or relative in ALIASES and name.startswith(("asio/", "boost/asio/")):
        return True
    if form == '"':
        inner = (file.parent, *(ROOT / each for each in INNER.get(folder, (f"{folder}/src",))))
        return any((each / name).is_file() for each in inner) or any(
            public_header(other, name) for other in (folder, *others))
    if name.startswith("wolframite/"):
        return any(public_header(other, name) for other in (folder, *others))
    return system(name)


def main():
    count = 0
    wrong = []
    for folder in TABLE:
        for file in sorted((ROOT / folder).rglob("*.[ch]pp")):
            text = file.read_text()
            for match in INCLUDE.finditer(text):
                count += 1
                if not is_allowed(file, folder, match["form"], match["name"]):
                    line = text.count("\n", 0, match.start("form")) + 1
                    wrong.append(f"{file.relative_to(ROOT)}:{line}: may not include {match['name']}")
    if wrong:
        sys.exit("\n".join(wrong))
    if not count:
        sys.exit(f"{ROOT}: no includes found: not the repository")
    print(f"{count} includes, all allowed")


main()
