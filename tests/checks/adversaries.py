"""Invariant: each class of attack has tests named by its id, at each of the places where it can strike, and no test
has an id that is not here.

usage: adversaries.py REPOSITORY
"""

import re
import sys
from pathlib import Path

ROOT = Path(sys.argv[1]).resolve()

# id, the class in short, where its tests are: unit (no socket), sockets (each adapter's contract), uring (io_uring
# alone), programs (whole programs over a network), fuzz (its targets).
CLASSES = [
    ("SEC-01", "64-bit lengths that overflow", "unit"),
    ("SEC-02", "lengths that are not minimal", "unit"),
    ("SEC-03", "a huge payload announced and not sent", "unit sockets"),
    ("SEC-04", "a huge length without a frame limit", "unit"),
    ("SEC-05", "reading on after a size error", "unit"),
    ("SEC-06", "reading on after a UTF-8 error", "unit"),
    ("SEC-07", "a flood of fragments", "unit"),
    ("SEC-08", "a limit for frames only; a message inside another", "unit"),
    ("SEC-09", "control frames too long, in fragments or with RSV bits", "unit"),
    ("SEC-10", "a flood of pings while writes are blocked", "unit sockets"),
    ("SEC-11", "a mask where none may be, or none where one must be", "unit"),
    ("SEC-12", "keys that can be predicted", "unit"),
    ("SEC-13", "bombs of deflate", "unit"),
    ("SEC-14", "bad parameters of permessage-deflate", "unit"),
    ("SEC-15", "corrupt deflate streams, final blocks", "unit"),
    ("SEC-16", "what is no UTF-8", "unit"),
    ("SEC-17", "bodies and codes of Close that may not be", "unit"),
    ("SEC-18", "stale memory in what is sent", "unit"),
    ("SEC-19", "a handshake that drips", "unit sockets"),
    ("SEC-20", "heads too large", "unit"),
    ("SEC-21", "smuggled requests", "unit sockets"),
    ("SEC-22", "line ends and NUL in what the owner gives", "unit"),
    ("SEC-23", "lists that take more than linear time", "unit"),
    ("SEC-24", "answers a client must not take", "unit"),
    ("SEC-25", "faults of TLS", "unit sockets"),
    ("SEC-26", "streams that go while they are in use", "sockets"),
    ("SEC-27", "resets and ends in every state", "unit sockets"),
    ("SEC-28", "slow readers and slow producers", "unit sockets"),
    ("SEC-29", "out of descriptors, of buffers, of room in the ring", "sockets uring"),
    ("SEC-30", "cross-site hijacking", "sockets programs"),
    ("SEC-31", "credentials sent again to another origin", "unit sockets"),
    ("SEC-32", "any input at all", "unit fuzz"),
    ("SEC-33", "what stands in a list of its backend's when it goes", "unit"),
    ("SEC-34", "a failed command that has freed what another one reads", "sockets"),
    ("SEC-35", "peers that never read, and timers while the application is busy", "unit sockets"),
    ("SEC-36", "little on the wire and much work", "unit sockets"),
    ("SEC-37", "memory that is refused", "unit sockets"),
    ("SEC-40", "ends that do not tell the truth", "unit sockets"),
    ("SEC-41", "health checks and intermediaries that speak HTTP/1.0", "unit sockets programs"),
]

CASE = re.compile(r'\b(?:TEST_CASE|SUBCASE)\(\s*"(SEC-\d+)\b')
METHOD = re.compile(r"\bdef test_(sec_\d+)_")


def found():
    """The places of each id that is in the name of a test."""
    places = {}
    for file in sorted((ROOT / "tests").rglob("*.cpp")):
        place = "unit"
        if file.parent.name == "adapter":
            place = "uring" if file.name.startswith("uring") else "sockets"
        for name in CASE.findall(file.read_text()):
            places.setdefault(name, set()).add(place)
    for file in sorted((ROOT / "tests/interop").glob("*_test.py")):
        for name in METHOD.findall(file.read_text()):
            places.setdefault(name.upper().replace("_", "-"), set()).add("programs")
    if any((ROOT / "fuzz/corpus").glob("*/*")):
        places.setdefault("SEC-32", set()).add("fuzz")
    return places


def main():
    places = found()
    wrong = [f"{name} ({what}): no test at {place}" for name, what, wanted in CLASSES
             for place in wanted.split() if place not in places.get(name, ())]
    known = {name for name, _, _ in CLASSES}
    wrong += [f"{name}: not in the list of classes" for name in sorted(places) if name not in known]
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(CLASSES)} classes, each with its tests")


main()
