"""Invariant: the core archive needs nothing from outside but memory, libcrypto's SHA-1, zlib's
inflate and deflate, and those parts of the C++ library that neither do I/O nor read a clock, nor throw
through our code.

usage: purity.py NM ARCHIVE

What may be used is listed, rather than what may not, so that a system call nobody thought of is found.
"""

import re
import subprocess
import sys

C_LIBRARY = {
    "memchr", "memcmp", "memcpy", "memmove", "memset", "strcmp", "strlen", "bcmp",
    # Failed assertions and, without exceptions, what the standard library's throws come down to.
    "__assert_fail", "abort",
    # Says whether shared_ptr may count without atomics.
    "__libc_single_threaded",
}
COMPILER = re.compile(
    r"__cxa_(atexit|guard_acquire|guard_release|pure_virtual)|__dso_handle|_GLOBAL_OFFSET_TABLE_"
    r"|__cpu_(model|indicator_init|features2)|__stack_chk_fail|__mem(cpy|move|set)_chk"
    r"|__(asan|ubsan|tsan|sanitizer)_\w+|__sanitizer_cov_\w+|__start___sancov\w+|__stop___sancov\w+"
)
LIBCRYPTO = re.compile(r"EVP_(MD_fetch|Digest)")
ZLIB = re.compile(r"(in|de)flate\w*")
CPP = re.compile(
    r"operator (new|delete)|(vtable|typeinfo|VTT) for (std|__cxxabiv1)::|wolframite::"
    r"|((non-virtual |virtual )?thunk to|vtable for|guard variable for) wolframite::"
    r"|std::(__throw_\w+$|_V2::error_category|_V2::(generic|system)_category|error_co|pmr::|nothrow|bad_"
    r"|__cxx11::basic_string<|basic_string<|allocator<|__detail::|_Hash_bytes|_Sp_|to_chars|from_chars"
    r"|__glibcxx_assert_fail)"
)


# The one object that catches: what memory resources throw.
CATCHES = "memory_seam.cpp.o"
CATCHING = re.compile(r"__cxa_(begin|end)_catch|__gxx_personality_v0|_Unwind_Resume|std::terminate\(\)|__clang_call_terminate")


def undefined_symbols(nm, archive):
    """Pairs of object file and demangled symbol."""
    listing = subprocess.run([nm, "-u", "-A", "-C", archive], check=True, capture_output=True, text=True)
    for line in listing.stdout.splitlines():
        match = re.match(r"(?P<where>.*?):\s+[Uwv] (?P<name>.*)$", line)
        if match:
            yield match["where"].rpartition(":")[2] or match["where"], match["name"]


def untyped_vtables(nm, archive):
    """Objects with a vtable but not its type: a user's -fsanitize=undefined would take such an object for none."""
    listing = subprocess.run([nm, "-A", "-C", archive], check=True, capture_output=True, text=True)
    found = re.findall(r"^(.*):[0-9a-f ]* \w (vtable|typeinfo) for (.*)$", listing.stdout, re.MULTILINE)
    typed = {(where, name) for where, what, name in found if what == "typeinfo"}
    return sorted(f"{where.rpartition(':')[2]}: {name}" for where, what, name in found
                  if what == "vtable" and not name.startswith("__cxxabiv1") and (where, name) not in typed)


def qualified(name):
    """A demangled name without its parameters and the return type that templates have in front."""
    depth = 0
    start = 0
    for at, char in enumerate(name):
        if char == "<":
            depth += 1
        elif char == ">":
            depth -= 1
        elif char == "(" and depth == 0:
            return name[start:at]
        elif char == " " and depth == 0 and not re.search(r"(operator|vtable|typeinfo|VTT|for|to|virtual|thunk)$", name[:at]):
            start = at + 1
    return name[start:]


def is_pure(name):
    plain = name.partition("@")[0]
    return (plain in C_LIBRARY or COMPILER.fullmatch(plain) or LIBCRYPTO.fullmatch(plain)
            or ZLIB.fullmatch(plain) or CPP.match(qualified(name)))


def main():
    nm, archive = sys.argv[1:]
    symbols = list(undefined_symbols(nm, archive))
    if not symbols:
        sys.exit(f"{archive}: no undefined symbols at all: not the core's archive")
    impure = sorted({f"{where}: {name}" for where, name in symbols if not is_pure(name)
                     and not (where == CATCHES and CATCHING.fullmatch(name.partition("@")[0]))})
    if impure:
        sys.exit("symbols that the core may not need:\n  " + "\n  ".join(impure))
    if untyped := untyped_vtables(nm, archive):
        sys.exit("virtual functions without type information:\n  " + "\n  ".join(untyped))
    zlib_users = {where for where, name in symbols if ZLIB.fullmatch(name)}
    if len(zlib_users) > 1:
        sys.exit("zlib is used in more than one object: " + ", ".join(sorted(zlib_users)))
    print(f"{len(symbols)} undefined symbols, all pure")


main()
