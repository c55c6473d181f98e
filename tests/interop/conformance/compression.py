"""Groups 12 and 13: compressed messages of many kinds and sizes, and the parameters that can be agreed on."""

import functools
import json
import random

from .case import Case, pieces
from .deflate import Answering, Offering, Parameters
from .limits import KIB, sized
from .peer import Failure
from .wire import BINARY, TEXT

# Size of the messages, and of the fragments that they are sent in (0: one frame each).
SHAPES = ([(16 * 4 ** index, 0) for index in range(4)] + [(4 * KIB << index, 0) for index in range(6)]
          + [(8 * KIB << index, 256) for index in range(5)]
          + [(128 * KIB, part) for part in (KIB, 4 * KIB, 32 * KIB)])
LARGEST_MESSAGE = 128 * KIB
WORDS = ("ore metal filament tungsten river stone heavy lamp light wolf foam miner crystal black the a of and with "
         "under over is was becomes carries melts shines").split()


def fitted(text, size):
    """The first `size` octets, without cutting a character in two."""
    return text.encode()[:size].decode(errors="ignore").encode().ljust(size, b".")


def json_text(chance, size):
    records, octets = [], 0
    while octets < size:
        records.append(json.dumps({"id": chance.randrange(10 ** 6), "name": " ".join(chance.choices(WORDS, k=2)),
                                   "at": round(chance.uniform(-180, 180), 5), "open": chance.random() < 0.5}))
        octets += len(records[-1]) + 2
    return fitted("[" + ", ".join(records), size)


def prose(chance, size):
    return fitted(" ".join(chance.choices(WORDS, range(len(WORDS), 0, -1), k=size // 2 + 1)), size)


def scripts(chance, size):
    letters = "αβγδεζηθ жзийклмн 水火金木土山川田 𝄞𝄢😀🐺 ÄÖÜß"
    return fitted("".join(chance.choices(letters, k=size)), size)


def pixels(chance, size):
    return bytes((column * 3 + row + chance.randrange(2)) % 256 for row in range(size // 64 + 1)
                 for column in range(64))[:size]


def noise(chance, size):
    return chance.randbytes(size)


@functools.cache
def material(make, seed):
    return make(random.Random(seed), 2 * LARGEST_MESSAGE)


def messages(make, size):
    """Messages that differ, and have much in common with each other where the material has with itself."""
    data = material(make, 1)
    for index in range(max(4, min(32, 256 * KIB // size))):
        at = index * 331 % LARGEST_MESSAGE
        part = data[at:at + size]
        yield part if make in (pixels, noise) else fitted(part.decode(errors="ignore"), size)


def exchanged(opcode, make, size, part):
    def run(peer):
        sent = list(messages(make, size))
        for message in sent:
            parts = peer.codec.compress(pieces(message, part or size))
            peer.send(*(peer.frame(0 if index else opcode, data, fin=index == len(parts) - 1, rsv=0 if index else 4)
                        for index, data in enumerate(parts)))
        for message in sent:
            event = peer.expect(opcode, message)
            if size >= KIB and make is not noise and event.wire_size > size // 10 * 9:
                raise Failure(f"less than nine tenths of {size} octets on the wire", f"{event.wire_size}")
        peer.close()

    return run


def cases():
    default = Offering([Parameters()]), Answering(Parameters())
    for group, (name, opcode, make) in enumerate((
            ("JSON", TEXT, json_text), ("pixels", BINARY, pixels), ("prose", TEXT, prose), ("noise", BINARY, noise),
            ("text of many scripts", TEXT, scripts)), 1):
        for index, (size, part) in enumerate(SHAPES, 1):
            yield case(f"12.{group}.{index}", name, exchanged(opcode, make, size, part), size, part, *default)

    forgetting, narrow, wide = (True, True), (9, 9), (15, 15)
    first, second = Parameters(*forgetting, *narrow), Parameters(*forgetting)
    for group, (title, offers, wanted) in enumerate((
            ("takeover", [Parameters()], Parameters()),
            ("no takeover", [second], second),
            ("windows of 9 bits", [Parameters(False, False, *narrow)], Parameters(False, False, *narrow)),
            ("windows of 15 bits", [Parameters(False, False, *wide)], Parameters(False, False, *wide)),
            ("no takeover, 9 bits", [first], first),
            ("no takeover, 15 bits", [Parameters(*forgetting, *wide)], Parameters(*forgetting, *wide)),
            # To a client: takeover and a large window in one direction only.
            ("several offers", [first, second, Parameters()], Parameters(True, False, None, 9))), 1):
        for index, (size, part) in enumerate(SHAPES, 1):
            yield case(f"13.{group}.{index}", title, exchanged(TEXT, json_text, size, part), size, part,
                       Offering(offers), Answering(wanted))


def case(number, name, run, size, part, offering, answering):
    fragments = f" in fragments of {sized(part)}" if part else ""
    return Case(number, f"{name}: messages of {sized(size)}{fragments}", run, offering, answering)


CASES = list(cases())
