"""permessage-deflate (RFC 7692): what is asked for and agreed on, and a codec on Python's zlib."""

import dataclasses
import zlib

from .wire import HandshakeError

NAME = "permessage-deflate"
TAIL = b"\0\0\xff\xff"
SERVER_FORGETS, CLIENT_FORGETS = "server_no_context_takeover", "client_no_context_takeover"
SERVER_BITS, CLIENT_BITS = "server_max_window_bits", "client_max_window_bits"
LARGEST = 15


@dataclasses.dataclass(frozen=True)
class Parameters:
    """Of an offer, of an answer, or what a case wants. Bits are None if not given; 0 stands for no value."""

    server_forgets: bool = False
    client_forgets: bool = False
    server_bits: int | None = None
    client_bits: int | None = None

    def __str__(self):
        flags = [name for name, given in ((SERVER_FORGETS, self.server_forgets), (CLIENT_FORGETS, self.client_forgets))
                 if given]
        bits = [f"{name}={value}" if value else name
                for name, value in ((SERVER_BITS, self.server_bits), (CLIENT_BITS, self.client_bits))
                if value is not None]
        return "; ".join([NAME, *flags, *bits])


def parse(values, offer):
    """Returns the Parameters of each element of the header's values. Whatever is illegal is an error."""
    return [parse_element(element, offer) for value in values for element in value.decode().split(",")]


def parse_element(element, offer):
    name, *parameters = [part.strip() for part in element.split(";")]
    if name != NAME:
        raise HandshakeError(f"expected {NAME}, got {element!r}")
    seen = {}
    for parameter in parameters:
        key, equals, value = parameter.partition("=")
        if key in seen:
            raise HandshakeError(f"{key} is there twice")
        if key in (SERVER_FORGETS, CLIENT_FORGETS):
            legal = not equals
        elif key in (SERVER_BITS, CLIENT_BITS):
            legal = value in map(str, range(8, LARGEST + 1)) or (key == CLIENT_BITS and offer and not equals)
        else:
            legal = False
        if not legal:
            raise HandshakeError(f"illegal parameter {parameter!r}")
        seen[key] = int(value or 0) if key in (SERVER_BITS, CLIENT_BITS) else True
    return Parameters(SERVER_FORGETS in seen, CLIENT_FORGETS in seen, seen.get(SERVER_BITS), seen.get(CLIENT_BITS))


def conflict(offer, answer):
    """Why this is no answer to that offer, or None."""
    if offer.server_forgets and not answer.server_forgets:
        return f"{SERVER_FORGETS} was not taken up"
    if offer.server_bits is not None and (answer.server_bits or LARGEST + 1) > offer.server_bits:
        return f"{SERVER_BITS}={offer.server_bits} was not taken up"
    if answer.client_bits is not None and offer.client_bits is None:
        return f"{CLIENT_BITS} was not offered"
    if answer.client_bits is not None and offer.client_bits and answer.client_bits > offer.client_bits:
        return f"{CLIENT_BITS} is above what was offered"
    return None


class Offering:
    """The client's side of the handshake."""

    def __init__(self, offers):
        self.offers = offers

    def header(self):
        return ", ".join(map(str, self.offers))

    def read(self, values):
        """Returns the Codec agreed on."""
        answers = parse(values, offer=False)
        if len(answers) != 1:
            raise HandshakeError(f"one answer to the offer was expected, got {values}")
        answer = answers[0]
        conflicts = [conflict(offer, answer) for offer in self.offers]
        if all(conflicts):
            raise HandshakeError(f"{answer} answers no offer: {conflicts[0]}")
        offer = self.offers[conflicts.index(None)]
        return Codec(own_bits=answer.client_bits or offer.client_bits or LARGEST,
                     own_forgets=answer.client_forgets or offer.client_forgets,
                     bits=answer.server_bits or LARGEST, forgets=answer.server_forgets)


class Answering:
    """The server's side of the handshake."""

    def __init__(self, wanted):
        self.wanted = wanted

    def answer(self, values):
        """Returns the header's value and the Codec agreed on."""
        offers = parse(values, offer=True)
        if not offers:
            raise HandshakeError("compression was not offered")
        offer, wanted = offers[0], self.wanted
        if wanted.client_bits and offer.client_bits is None:
            raise HandshakeError(f"{CLIENT_BITS} was not offered")
        bits = [each for each in (offer.server_bits, wanted.server_bits) if each]
        own_bits = [each for each in (offer.client_bits, wanted.client_bits) if each]
        answer = Parameters(offer.server_forgets or wanted.server_forgets,
                            offer.client_forgets or wanted.client_forgets,
                            min(bits, default=None), min(own_bits, default=None) if wanted.client_bits else None)
        return str(answer), Codec(own_bits=answer.server_bits or LARGEST, own_forgets=answer.server_forgets,
                                  bits=min(own_bits, default=LARGEST), forgets=answer.client_forgets)


class Codec:
    """Compresses what one end sends and decompresses what it receives."""

    def __init__(self, own_bits, own_forgets, bits, forgets):
        self.own_bits, self.own_forgets, self.bits, self.forgets = own_bits, own_forgets, bits, forgets
        self.level = 6
        self.deflater = self.inflater = None

    def compress(self, parts):
        """Returns the message's parts compressed. Every second one is flushed, others may come out empty."""
        if self.deflater is None or self.own_forgets:
            self.deflater = zlib.compressobj(self.level, zlib.DEFLATED, -self.own_bits)
        out = []
        for index, part in enumerate(parts):
            last = index == len(parts) - 1
            data = self.deflater.compress(part)
            if last or index % 2 == 0:
                data += self.deflater.flush(zlib.Z_SYNC_FLUSH)
            out.append(data.removesuffix(TAIL) if last else data)
        return out

    def decompress(self, data):
        """Returns the message, or raises zlib.error."""
        if self.inflater is None or self.forgets:
            self.inflater = zlib.decompressobj(-self.bits)
        data += TAIL
        if self.bits == LARGEST:
            return self.inflater.decompress(data)
        # zlib lets a sender refer back to all of the output buffer, however small the window: so that is no larger.
        out = []
        while data or len(out[-1]) == 1 << self.bits:
            out.append(self.inflater.decompress(data, 1 << self.bits))
            data = self.inflater.unconsumed_tail
        return b"".join(out)
