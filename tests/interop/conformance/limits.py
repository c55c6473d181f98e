"""Groups 9 and 10: large messages, many fragments, small pieces, many round trips, automatic fragmentation."""

from .case import Case, echoed, fragments, pieces
from .wire import BINARY, TEXT

KIB, MIB = 1 << 10, 1 << 20
TYPES = ((1, TEXT, "text"), (2, BINARY, "binary"))
ROUND_TRIPS = 1000


def content(opcode, size):
    """Octets without a short period, so that a chunk lost, doubled or swapped does not go unnoticed."""
    counted = b"".join(b"%07x." % number for number in range(min(size, MIB) // 8 + 1))
    if opcode == BINARY:
        counted = bytes(octet ^ 0xA5 for octet in counted)
    return (counted * (size // len(counted) + 1))[:size]


def sized(size):
    return f"{size // MIB} MiB" if size >= MIB else f"{size // KIB} KiB" if size >= KIB else f"{size} octets"


def large(opcode, size):
    return lambda peer: echoed(opcode, content(opcode, size))(peer)


def fragmented(opcode, size, part):
    def run(peer):
        data = content(opcode, size)
        echoed(opcode, data, fragments(opcode, pieces(data, part)))(peer)

    return run


def chopped(opcode, size, chop):
    return lambda peer: echoed(opcode, content(opcode, size), chop=chop)(peer)


def round_trips(opcode, size):
    def run(peer):
        data = content(opcode, size)
        for _ in range(ROUND_TRIPS):
            peer.send(peer.frame(opcode, data))
            peer.expect(opcode, data)
        peer.close()

    return run


def cases():
    for group, opcode, name in TYPES:
        for index, size in enumerate((64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB), 1):
            yield Case(f"9.{group}.{index}", f"{name} message of {sized(size)}", large(opcode, size))
    for group, opcode, name in TYPES:
        for index in range(9):
            part = 64 * 4 ** index
            yield Case(f"9.{group + 2}.{index + 1}", f"{name} of 4 MiB in fragments of {sized(part)}",
                       fragmented(opcode, 4 * MIB, part))
    for group, opcode, name in TYPES:
        for index in range(6):
            chop = 64 << index
            yield Case(f"9.{group + 4}.{index + 1}", f"{name} of 1 MiB in chops of {sized(chop)}",
                       chopped(opcode, MIB, chop))
    for group, opcode, name in TYPES:
        for index, size in enumerate((0, 16, 64, 256, 1024, 4096), 1):
            yield Case(f"9.{group + 6}.{index}", f"{ROUND_TRIPS} round trips of {name} of {sized(size)}",
                       round_trips(opcode, size))
    yield Case("10.1.1", "64 KiB of text in fragments of 1300 octets", fragmented(TEXT, 64 * KIB, 1300))


CASES = list(cases())
