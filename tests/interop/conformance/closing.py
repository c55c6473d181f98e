"""Group 7: the closing handshake."""

from .case import Case
from .peer import End, Failure, describe
from .wire import CLOSE, CONTINUATION, PING, TEXT, close_body

VALID = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
INVALID = (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999)
UNDEFINED = (5000, 65535)


def closed(code=1000, reason=b"", then=()):
    """A closing handshake that must be completed; frames behind the Close must have no effect."""

    def run(peer):
        peer.close(code, reason, then=[peer.frame(*each) for each in then])

    return run


def refused(body, *codes):
    """A Close that breaks the rules must be answered with one of these codes."""

    def run(peer):
        peer.send(peer.frame(CLOSE, body))
        peer.expect_answer(*codes)

    return run


def echo_then_close(peer):
    peer.send(peer.frame(TEXT, b"before the close"))
    peer.expect(TEXT, b"before the close")
    peer.close()


def inside_message(peer):
    peer.send(peer.frame(TEXT, b"never ", fin=False))
    peer.close(then=[peer.frame(CONTINUATION, b"finished")])


def behind_large_message(peer):
    """Whether the messages still come back is left to the peer; the Close must, and no pong."""
    messages = [b"~" * (1 << 18), b"a small one behind"]
    peer.send(*(peer.frame(TEXT, message) for message in messages),
              peer.frame(CLOSE, close_body(1000)), peer.frame(PING))
    while True:
        event = peer.receive()
        if isinstance(event, End) or event.opcode not in (TEXT, CLOSE):
            raise Failure("echoes, then Close", describe(event))
        if event.opcode == CLOSE:
            break
        if event.payload not in messages:
            raise Failure("an echo", describe(event))
        del messages[:messages.index(event.payload) + 1]
    if event.close_code() not in (1000, None):
        raise Failure("Close 1000", describe(event))
    peer.expect_end()


def undefined_code(code):
    """The RFC leaves open what to answer; the connection must end."""

    def run(peer):
        peer.send(peer.frame(CLOSE, close_body(code)))
        event = peer.receive()
        if not isinstance(event, End):
            if event.opcode != CLOSE:
                raise Failure("a Close or the end of the stream", describe(event))
            peer.expect_end()

    return run


def cases():
    yield Case("7.1.1", "message, then Close", echo_then_close)
    yield Case("7.1.2", "two Closes", closed(then=[(CLOSE,)]))
    yield Case("7.1.3", "Close, then ping", closed(then=[(PING, b"too late")]))
    yield Case("7.1.4", "Close, then text", closed(then=[(TEXT, b"too late")]))
    yield Case("7.1.5", "Close inside a fragmented message", inside_message)
    yield Case("7.1.6", "256 KiB of text, a small text, Close, ping", behind_large_message)
    yield Case("7.3.1", "Close without a body", closed(None))
    yield Case("7.3.2", "Close with a body of one octet", refused(b"a", 1002))
    yield Case("7.3.3", "Close with a code only", closed(1000))
    yield Case("7.3.4", "Close with a reason", closed(1000, b"had enough"))
    yield Case("7.3.5", "Close with a reason of 123 octets", closed(1000, b"~" * 123))
    yield Case("7.3.6", "Close with a reason of 124 octets", refused(close_body(1000, b"~" * 124), 1002))
    yield Case("7.5.1", "Close with a reason that is not UTF-8",
               refused(close_body(1000, b"\xce\xba\xed\xa0\x80"), 1002, 1007))
    for index, code in enumerate(VALID, 1):
        yield Case(f"7.7.{index}", f"Close with {code}", closed(code))
    for index, code in enumerate(INVALID, 1):
        yield Case(f"7.9.{index}", f"Close with {code}, which is not allowed", refused(close_body(code), 1002))
    for index, code in enumerate(UNDEFINED, 1):
        yield Case(f"7.13.{index}", f"Close with {code}, of which the RFC says nothing", undefined_code(code))


CASES = list(cases())
