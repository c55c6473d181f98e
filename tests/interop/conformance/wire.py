"""Frames (RFC 6455 section 5) and the opening handshake (section 4), from both sides."""

import base64
import hashlib
import os
import random
import urllib.parse

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class HandshakeError(Exception):
    """The opening handshake failed."""


def apply_mask(data, key):
    """XORs `data` with the repeated key, as one long integer: a loop over octets would be too slow here."""
    size = len(data)
    repeated = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(repeated, "little")).to_bytes(size, "little")


def frame(opcode, payload=b"", fin=True, rsv=0, masked=True):
    size = len(payload)
    mask_bit = 0x80 if masked else 0
    head = bytearray([(0x80 if fin else 0) | rsv << 4 | opcode])
    if size < 126:
        head.append(mask_bit | size)
    elif size < 1 << 16:
        head.append(mask_bit | 126)
        head += size.to_bytes(2, "big")
    else:
        head.append(mask_bit | 127)
        head += size.to_bytes(8, "big")
    if not masked:
        return bytes(head) + payload
    key = random.getrandbits(32).to_bytes(4, "big")
    return bytes(head) + key + apply_mask(payload, key)


def close_body(code=None, reason=b""):
    return reason if code is None else code.to_bytes(2, "big") + reason


def accept_key(key):
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


def read_head(sock):
    """Returns the lines of an HTTP head and what came behind it."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(65536)
        if not part:
            raise HandshakeError(f"the stream ended inside the handshake, after {data!r}")
        data += part
    head, rest = data.split(b"\r\n\r\n", 1)
    lines = head.split(b"\r\n")
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        fields.setdefault(name.strip().lower(), []).append(value.strip())
    return lines[0], fields, rest


def tokens(fields, name):
    return [token.strip().lower() for value in fields.get(name, []) for token in value.split(b",")]


def open_as_client(sock, url, offering=None):
    """Sends the request, checks the response in full and returns the octets behind it. With an Offering of
    compression it returns those and the Codec agreed on."""
    parts = urllib.parse.urlsplit(url)
    target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    key = base64.b64encode(os.urandom(16))
    sock.sendall(b"GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n%s\r\n"
                 % (target.encode(), parts.netloc.encode(), key, extensions_field(offering and offering.header())))
    status_line, fields, rest = read_head(sock)
    if not status_line.startswith(b"HTTP/1.1 101"):
        raise HandshakeError(f"expected status 101, got {status_line!r}")
    if b"websocket" not in tokens(fields, b"upgrade") or b"upgrade" not in tokens(fields, b"connection"):
        raise HandshakeError("Upgrade or Connection is missing in the response")
    if fields.get(b"sec-websocket-accept") != [accept_key(key)]:
        raise HandshakeError(f"wrong Sec-WebSocket-Accept: {fields.get(b'sec-websocket-accept')}")
    unasked = [b"sec-websocket-protocol", *([] if offering else [b"sec-websocket-extensions"])]
    for name in unasked:
        if name in fields:
            raise HandshakeError(f"{name.decode()} was not asked for, but is {fields[name]}")
    return (rest, offering.read(fields.get(b"sec-websocket-extensions", []))) if offering else rest


def extensions_field(value):
    return b"Sec-WebSocket-Extensions: %s\r\n" % value.encode() if value else b""


def open_as_server(sock, answering_to=lambda target: None):
    """Reads a request, checks it, accepts it and returns its target, and the Codec if compression was agreed on:
    where `answering_to` gives an Answering to it."""
    request_line, fields, rest = read_head(sock)
    method, target, version = request_line.split(b" ")
    keys = fields.get(b"sec-websocket-key", [])
    faults = {
        "the method is not GET": method != b"GET",
        "the version is not HTTP/1.1": version != b"HTTP/1.1",
        "Host is not there once": len(fields.get(b"host", [])) != 1,
        "Upgrade has no websocket": b"websocket" not in tokens(fields, b"upgrade"),
        "Connection has no upgrade": b"upgrade" not in tokens(fields, b"connection"),
        "the version is not 13": fields.get(b"sec-websocket-version") != [b"13"],
        "the key is not 16 octets": len(keys) != 1 or len(base64.b64decode(keys[0])) != 16,
        "octets follow the request": rest != b"",
    }
    for fault, found in faults.items():
        if found:
            raise HandshakeError(fault)
    target = target.decode()
    answering = answering_to(target)
    answer, codec = answering.answer(fields.get(b"sec-websocket-extensions", [])) if answering else ("", None)
    sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Accept: %s\r\n%s\r\n" % (accept_key(keys[0]), extensions_field(answer)))
    return target, codec
