"""What a case is, and the two shapes that most of them have."""

import dataclasses
from typing import Any, Callable

from .wire import TEXT


@dataclasses.dataclass(frozen=True)
class Case:
    number: str
    title: str
    run: Callable  # takes a Peer and raises Failure
    offering: Any = None   # as a client: the Offering of compression
    answering: Any = None  # as a server: what is Answering the client's


def echoed(opcode, payload, frames=None, chop=None):
    """A message that must come back, followed by a normal closing handshake."""

    def run(peer):
        peer.send(*(frames(peer) if frames else [peer.frame(opcode, payload)]), chop=chop)
        peer.expect(opcode, payload)
        peer.close()

    return run


def failed(code, frames, first=None, chop=None):
    """Frames that the peer must fail the connection over. The text `first` before them must come back."""

    def run(peer):
        ahead = [] if first is None else [peer.frame(TEXT, first)]
        peer.send(*ahead, *frames(peer), chop=chop)
        if first is not None:
            peer.expect(TEXT, first)
        peer.expect_failure(code)

    return run


def fragments(opcode, parts):
    """Returns the frames of a message sent in these parts."""

    def frames(peer):
        last = len(parts) - 1
        return [peer.frame(0 if index else opcode, part, fin=index == last)
                for index, part in enumerate(parts)]

    return frames


def pieces(data, size):
    return [data[at:at + size] for at in range(0, len(data), size)]
