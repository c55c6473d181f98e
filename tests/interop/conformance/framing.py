"""Groups 1 to 5: framing, pings and pongs, reserved bits, opcodes, fragmentation."""

from .case import Case, echoed, failed, fragments
from .wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

CUTS = (("in one piece", None), ("frame by frame", "frames"), ("octet by octet", 1))
SIZES = (0, 125, 126, 127, 128, 65535, 65536)
OCTETS = bytes(range(0, 250, 31)) + b"\xfe\xff"
GREETING = b"wolframite"


def framing():
    for group, opcode, name, fill in ((1, TEXT, "text", b"~"), (2, BINARY, "binary", b"\xfe")):
        for index, size in enumerate(SIZES, 1):
            yield Case(f"1.{group}.{index}", f"{name} message of {size} octets", echoed(opcode, fill * size))
        yield Case(f"1.{group}.8", f"{name} message of 65536 octets in chops of 997",
                   echoed(opcode, fill * 65536, chop=997))


def pinged(payloads, unasked=None, chop=None):
    def run(peer):
        ahead = [] if unasked is None else [peer.frame(PONG, unasked)]
        peer.send(*ahead, *(peer.frame(PING, payload) for payload in payloads), chop=chop)
        for payload in payloads:
            peer.expect(PONG, payload)
        peer.close()

    return run


def pings():
    ten = [b"ping %d of 10" % number for number in range(1, 11)]
    yield Case("2.1", "empty ping", pinged([b""]))
    yield Case("2.2", "ping with text", pinged([GREETING]))
    yield Case("2.3", "ping with binary octets", pinged([OCTETS]))
    yield Case("2.4", "ping of 125 octets", pinged([b"\xfe" * 125]))
    yield Case("2.5", "ping of 126 octets",
               failed(1002, lambda peer: [peer.frame(PING, b"\xfe" * 126)]))
    yield Case("2.6", "ping of 125 octets, octet by octet", pinged([b"\xfe" * 125], chop=1))
    yield Case("2.7", "unasked pong, empty", pinged([], unasked=b""))
    yield Case("2.8", "unasked pong with a payload", pinged([], unasked=b"nobody asked"))
    yield Case("2.9", "unasked pong, then a ping", pinged([b"asked"], unasked=b"nobody asked"))
    yield Case("2.10", "ten pings", pinged(ten))
    yield Case("2.11", "ten pings, octet by octet", pinged(ten, chop=1))


def reserved_bits():
    def text_then_ping(rsv):
        return lambda peer: [peer.frame(TEXT, GREETING, rsv=rsv), peer.frame(PING)]

    yield Case("3.1", "text with RSV 1", failed(1002, lambda peer: [peer.frame(TEXT, GREETING, rsv=1)]))
    for rsv, (name, chop) in enumerate(CUTS, 2):
        yield Case(f"3.{rsv}", f"text, text with RSV {rsv}, ping, {name}",
                   failed(1002, text_then_ping(rsv), first=GREETING, chop=chop))
    for rsv, opcode, name in ((5, BINARY, "binary"), (6, PING, "ping")):
        yield Case(f"3.{rsv}", f"{name} with RSV {rsv}",
                   failed(1002, lambda peer, opcode=opcode, rsv=rsv: [peer.frame(opcode, OCTETS, rsv=rsv)]))
    yield Case("3.7", "close with RSV 7", failed(1002, lambda peer: [peer.frame(CLOSE, rsv=7)]))


def opcodes():
    def reserved(opcode, payload, ping):
        return lambda peer: [peer.frame(opcode, payload)] + ([peer.frame(PING)] if ping else [])

    for group, base, name in ((1, 3, "data"), (2, 11, "control")):
        for index in range(1, 6):
            opcode = base + index - 1
            payload = b"" if index in (1, 3) else GREETING
            if index <= 2:
                yield Case(f"4.{group}.{index}", f"reserved {name} opcode {opcode}",
                           failed(1002, reserved(opcode, payload, ping=False)))
            else:
                cut, chop = CUTS[index - 3]
                yield Case(f"4.{group}.{index}", f"text, reserved {name} opcode {opcode}, ping, {cut}",
                           failed(1002, reserved(opcode, payload, ping=True), first=GREETING, chop=chop))


def with_ping_between(chop):
    def run(peer):
        peer.send(peer.frame(TEXT, b"one, ", fin=False), peer.frame(PING, b"between"),
                  peer.frame(CONTINUATION, b"two"), chop=chop)
        peer.expect(PONG, b"between")
        peer.expect(TEXT, b"one, two")
        peer.close()

    return run


def answered_within_message(chop):
    """The first pong must come while the message is unfinished."""

    def run(peer):
        peer.send(peer.frame(TEXT, b"a", fin=False), peer.frame(CONTINUATION, b"b", fin=False),
                  peer.frame(PING, b"first"), chop=chop)
        peer.expect(PONG, b"first")
        peer.send(peer.frame(CONTINUATION, b"c", fin=False), peer.frame(CONTINUATION, b"d", fin=False),
                  peer.frame(PING, b"second"), peer.frame(CONTINUATION, b"e"), chop=chop)
        peer.expect(PONG, b"second")
        peer.expect(TEXT, b"abcde")
        peer.close()

    return run


def stray_continuation(fin):
    return lambda peer: [peer.frame(CONTINUATION, b"of nothing", fin=fin), peer.frame(TEXT, GREETING)]


def stray_continuation_twice(fin):
    return lambda peer: 2 * [peer.frame(CONTINUATION, b"of nothing", fin=fin),
                             peer.frame(TEXT, b"one, ", fin=False), peer.frame(CONTINUATION, b"two")]


def continuation_after_message(peer):
    peer.send(peer.frame(TEXT, b"one, ", fin=False), peer.frame(CONTINUATION, b"two"),
              peer.frame(CONTINUATION, b"three", fin=False), peer.frame(TEXT, b"four"))
    peer.expect(TEXT, b"one, two")
    peer.expect_failure(1002)


def fragmentation():
    two = fragments(TEXT, [b"one, ", b"two"])
    yield Case("5.1", "ping in two fragments", failed(1002, fragments(PING, [b"one", b"two"])))
    yield Case("5.2", "pong in two fragments", failed(1002, fragments(PONG, [b"one", b"two"])))
    for index, (name, chop) in enumerate(CUTS):
        yield Case(f"5.{3 + index}", f"text in two fragments, {name}",
                   echoed(TEXT, b"one, two", two, chop))
    for index, (name, chop) in enumerate(CUTS):
        yield Case(f"5.{6 + index}", f"text in two fragments with a ping between, {name}",
                   with_ping_between(chop))
    for start, fin in ((9, True), (12, False)):
        for index, (name, chop) in enumerate(CUTS):
            yield Case(f"5.{start + index}", f"continuation of nothing, FIN {fin}, then text, {name}",
                       failed(1002, stray_continuation(fin), chop=chop))
    yield Case("5.15", "text in two fragments, continuation of nothing, text", continuation_after_message)
    yield Case("5.16", "twice: continuation of nothing, FIN False, then a fragmented text",
               failed(1002, stray_continuation_twice(False)))
    yield Case("5.17", "twice: continuation of nothing, FIN True, then a fragmented text",
               failed(1002, stray_continuation_twice(True)))
    yield Case("5.18", "text whose second fragment has opcode text",
               failed(1002, lambda peer: [peer.frame(TEXT, b"one, ", fin=False), peer.frame(TEXT, b"two")]))
    yield Case("5.19", "text in five fragments with two pings between, in one piece",
               answered_within_message(None))
    yield Case("5.20", "text in five fragments with two pings between, frame by frame",
               answered_within_message("frames"))


CASES = [*framing(), *pings(), *reserved_bits(), *opcodes(), *fragmentation()]
