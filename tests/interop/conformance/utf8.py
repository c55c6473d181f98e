"""Group 6: text must be UTF-8 as RFC 3629 has it, and what is not must be noticed at its first wrong octet."""

from .case import Case, echoed, failed, fragments, pieces
from .wire import CONTINUATION, PING, PONG, TEXT

# The largest number that the scheme of 1 to 6 octets can hold, whether UTF-8 allows it or not.
LIMITS = {1: 0x7F, 2: 0x7FF, 3: 0xFFFF, 4: 0x1FFFFF, 5: 0x3FFFFFF, 6: 0x7FFFFFFF}
SAMPLE = "ß€и𝄞".encode()  # 11 octets: sequences of 2, 3, 2 and 4
SENTENCE = "Wolframit: ½ Größe, 10 € – наїв".encode()
ABOVE_UNICODE = b"\xf4\x90\x80\x80"  # U+110000; wrong at its second octet


def scheme(number, octets):
    """Writes a number in so many octets, also where UTF-8 forbids it: overlong, a surrogate, too large."""
    if octets == 1:
        return bytes([number])
    tail = [0x80 | number >> 6 * index & 0x3F for index in range(octets - 1)]
    lead = (0xFF00 >> octets & 0xFF) | number >> 6 * (octets - 1)
    return bytes([lead, *reversed(tail)])


def utf8(code_point):
    return scheme(code_point, next(size for size in LIMITS if code_point <= LIMITS[size]))


def is_valid(data):
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def whole_and_fragmented():
    broken = SAMPLE + utf8(0xD800) + b"the rest"
    yield Case("6.1.1", "empty text", echoed(TEXT, b""))
    yield Case("6.1.2", "three empty fragments", echoed(TEXT, b"", fragments(TEXT, [b"", b"", b""])))
    yield Case("6.1.3", "three fragments, the outer ones empty",
               echoed(TEXT, b"middle", fragments(TEXT, [b"", b"middle", b""])))
    half = len("Wolframit: ½ Grö".encode())
    yield Case("6.2.1", "valid text in one frame", echoed(TEXT, SENTENCE))
    yield Case("6.2.2", "valid text in two fragments, cut between code points",
               echoed(TEXT, SENTENCE, fragments(TEXT, [SENTENCE[:half], SENTENCE[half:]])))
    yield Case("6.2.3", "valid text in fragments of one octet",
               echoed(TEXT, SENTENCE, fragments(TEXT, pieces(SENTENCE, 1))))
    yield Case("6.2.4", "long sequences in fragments of one octet",
               echoed(TEXT, SAMPLE, fragments(TEXT, pieces(SAMPLE, 1))))
    yield Case("6.3.1", "invalid text in one frame",
               failed(1007, lambda peer: [peer.frame(TEXT, broken)]))
    yield Case("6.3.2", "invalid text in fragments of one octet",
               failed(1007, fragments(TEXT, pieces(broken, 1))))


def fails_at_second_fragment(first, second):
    def run(peer):
        # The pong shows that the first fragment was taken. The third is never sent: the peer must not need it.
        peer.send(peer.frame(TEXT, first, fin=False), peer.frame(PING, b"still there?"))
        peer.expect(PONG, b"still there?")
        peer.send(peer.frame(CONTINUATION, second, fin=False))
        peer.expect_failure(1007)

    return run


def fails_inside_frame(first, second, rest):
    def run(peer):
        whole = peer.frame(TEXT, first + second + rest)
        at = len(whole) - len(rest) - len(second)
        peer.send(whole[:at])
        peer.expect_silence(0.1)
        peer.send(whole[at:at + len(second)])
        peer.expect_failure_inside_frame(1007)

    return run


def fail_fast():
    good = SAMPLE + ABOVE_UNICODE[:1]
    yield Case("6.4.1", "invalid sequence in the second of three fragments",
               fails_at_second_fragment(SAMPLE, ABOVE_UNICODE))
    yield Case("6.4.2", "second of three fragments ends with the first wrong octet",
               fails_at_second_fragment(good, ABOVE_UNICODE[1:2]))
    yield Case("6.4.3", "invalid sequence in the second of three chops of a frame",
               fails_inside_frame(SAMPLE, ABOVE_UNICODE, b"the rest"))
    yield Case("6.4.4", "second of three chops of a frame ends with the first wrong octet",
               fails_inside_frame(good, ABOVE_UNICODE[1:2], ABOVE_UNICODE[2:] + b"the rest"))


def sequences():
    """Yields (title, list of octet strings), one for each of 6.5 to 6.23."""
    yield "valid text", [b"before%safter" % utf8(point) for point in (0x24, 0xA2, 0x20AC, 0x24B62)] + [SAMPLE]
    yield "prefix of valid text", [SAMPLE[:size] for size in range(1, len(SAMPLE) + 1)]
    yield "smallest of 1 to 4 octets", [utf8(point) for point in (0, 0x80, 0x800, 0x10000)]
    yield "smallest of 5 and 6 octets", [scheme(LIMITS[size - 1] + 1, size) for size in (5, 6)]
    yield "largest of 1 to 4 octets", [utf8(point) for point in (0x7F, 0x7FF, 0xFFFF, 0x10FFFF)]
    yield "largest number in 4 to 6 octets", [scheme(LIMITS[size], size) for size in (4, 5, 6)]
    yield "boundary", [utf8(point) for point in (0xD7FF, 0xE000, 0xFFFD, 0x10FFFF, 0x110000)]
    yield "continuation octets alone", [b"\x80", b"\xbf"] + [(b"\x80\xbf" * 3)[:size] for size in range(2, 7)] + [
        bytes(range(0x80, 0xC0))]
    yield "lead octets alone", [b"".join(b"%c " % octet for octet in range(first, last + 1)) for first, last in
                                ((0xC0, 0xDF), (0xE0, 0xEF), (0xF0, 0xF7), (0xF8, 0xFB), (0xFC, 0xFD))]
    cut = [scheme(number, size)[:-1] for limit in (False, True) for size in range(2, 7)
           for number in [LIMITS[size] if limit else 0]]
    yield "last octet missing", cut
    yield "incomplete sequences in a row", [b"".join(cut)]
    yield "impossible octets", [b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]
    yield "overlong slash", [scheme(ord("/"), size) for size in range(2, 7)]
    yield "largest overlong", [scheme(LIMITS[size - 1], size) for size in range(2, 7)]
    yield "overlong NUL", [scheme(0, size) for size in range(2, 7)]
    high, low = (0xD800, 0xDB7F, 0xDB80, 0xDBFF), (0xDC00, 0xDFFF)
    yield "surrogate", [utf8(point) for point in (*high, 0xDC00, 0xDF80, 0xDFFF)]
    yield "surrogate pair", [utf8(first) + utf8(second) for first in high for second in low]
    yield "noncharacter", [utf8(plane << 16 | end) for plane in range(17) for end in (0xFFFE, 0xFFFF)]
    yield "special", [utf8(point) for point in range(0xFFF9, 0x10000)]


def catalogue():
    for group, (title, items) in enumerate(sequences(), 5):
        for index, data in enumerate(items, 1):
            name = f"{title}: {data[:16].hex(' ')}{' ...' if len(data) > 16 else ''}"
            run = echoed(TEXT, data) if is_valid(data) else failed(
                1007, lambda peer, data=data: [peer.frame(TEXT, data)])
            yield Case(f"6.{group}.{index}", name, run)


CASES = [*whole_and_fragmented(), *fail_fast(), *catalogue()]
