#!/usr/bin/env python3
"""Writes the seeds that fuzz/corpus/ holds: the transcripts of the tests, and inputs made here.

usage: seeds.py

A seed is payload followed by choices, which a target takes from the end (support/reader.hpp). Files that
are named crash-* or finding-* are inputs that once broke an invariant, and stay.
"""

import random
import re
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz" / "corpus"
FLAGS = {("deliver_chunks", "true"): 1, ("accept_unmasked_frames", "true"): 2, ("automatic_pong", "false"): 4}
# In the order of Start in split.cpp.
STARTS = {("server", False): 0, ("client", False): 1, ("server", True): 2, ("client", True): 3}
DEFLATE_STARTS = {"server": 4, "client": 5}
TAIL = b"\0\0\xff\xff"


def seed(payload, choices=()):
    """The bytes of an input, with the choices in the order in which they are taken."""
    return payload + bytes(reversed(list(choices)))


def write(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def config(flags=0):
    return [0, 0, 0, 0, 0, flags]


# Transcripts.

def blocks(text):
    return re.findall(r"^```([\w-]+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def received(kind, body):
    if kind == "receive-text":
        return body.removesuffix("\n").encode().replace(b"\n", b"\r\n")
    return bytes.fromhex(body) if kind == "receive" else b""


def from_transcript(path):
    parts = blocks(path.read_text())
    setup = [line.split() for kind, body in parts if kind == "setup" for line in body.splitlines()]
    role = next(words[1] for words in setup if words[0] == "role")
    handshake = any(words[0] == "handshake" for words in setup)
    flags = sum(FLAGS.get(tuple(words), 0) for words in setup)
    payload = b"".join(received(kind, body) for kind, body in parts)
    name = path.stem
    start = STARTS[role, handshake]
    write("split", name, seed(payload, [*config(flags), 1, 0, start]))
    if not handshake:
        write(f"{role}_bytes", name, seed(payload, [*config(flags), 0, 0, 0]))
        write("frame_header", name, payload[:14])
    elif role == "server":
        write("handshake_request", name, seed(payload, [*config(), 0, 0, 1]))
        write("http_head", name, seed(payload, [1, 0, 0, 0]))
    else:
        write("handshake_response", name, seed(payload, [*config(), 0, 0, 0]))
        write("http_head", name, seed(payload, [0, 0, 0, 0]))


# Frames.

def frame(first, payload=b"", masked=True, key=b"\x11\x22\x33\x44"):
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big") if size < 65536 \
        else b"\x7f" + size.to_bytes(8, "big")
    if not masked:
        return bytes([first]) + length + payload
    body = bytes(octet ^ key[i % 4] for i, octet in enumerate(payload))
    return bytes([first, length[0] | 0x80]) + length[1:] + key + body


def close(code, reason=b"", masked=True):
    return frame(0x88, code.to_bytes(2, "big") + reason, masked)


def frames():
    for role, masked in (("server", True), ("client", False)):
        conversations = {
            "many_pings": b"".join(frame(0x89, bytes([i])[:i % 2], masked) for i in range(40)),
            "many_fragments": frame(0x01, b"", masked) + frame(0x00, b"ab", masked) * 40 + frame(0x80, b"", masked),
            "wide_text": frame(0x81, "wölfrämite 黒重石 🜍".encode() * 12, masked),
            "close_all_codes": close(4999, "fin é".encode(), masked),
            "close_bad_reason": close(1000, b"\xc3\x28", masked),
            "wide_binary": frame(0x82, bytes(range(256)) * 2, masked),
        }
        for name, payload in conversations.items():
            write(f"{role}_bytes", name, seed(payload, [*config(), 0, 0, 0]))
            write(f"{role}_bytes", f"{name}_by_octets", seed(payload, [*config(1), 1, 1, 0]))
            write("split", f"{role}_{name}", seed(payload, [*config(), 2, 3, 1, 4, 1, 5, 9, 1, role == "client"]))
    for name, header in {
        "close": "88 02", "long_ping": "89 7e", "wide": "82 ff 00 00 00 00 00 01 00 00 01 02 03 04",
        "not_minimal": "82 ff 00 00 00 00 00 00 ff ff 01 02 03 04", "too_large": "82 7f 80 00 00 00 00 00 00 00",
        "reserved": "f1 05", "short_in_16": "01 fe 00 7d 01 02 03 04", "in_16": "01 fe ff ff 01 02 03 04",
    }.items():
        write("frame_header", name, bytes.fromhex(header))


# Texts.

def texts():
    for name, text in {
        "ascii": b"plain", "all_sizes": "é€🐺".encode(), "overlong": b"\xc0\xaf", "surrogate": b"\xed\xa0\x80",
        "highest": b"\xf4\x8f\xbf\xbf", "above": b"\xf4\x90\x80\x80", "cut": b"\xf0\x9f\x90", "alone": b"\x80",
        "overlong_3": b"\xe0\x9f\xbf", "overlong_4": b"\xf0\x8f\xbf\xbf", "lead_in_sequence": b"\xcb\xd2\x80",
    }.items():
        for way, before in ((0, 0), (1, 31), (0, 61)):
            write("utf8", f"{name}_{before}", seed(text, [way, 0, before, before]))
    for size in (0, 1, 3, 4, 8, 16, 31, 64, 65, 127, 300):
        payload = bytes(i & 0xFF for i in range(size))
        cuts, key, offset = [2, 1, 7, 0, 4, 2, 9], [0xA1, 0xB2, 0xC3, 0xD4], divmod(size, 256)
        write("mask", f"size_{size}", seed(payload, [*cuts, *key, *offset, size % 64, 0]))


def tls():
    # Choices: strict, piece, room, untouched flights, then for each flight what is written and what is done.
    for name, choices in {
        "whole": [0, 0, 0, 4, 0, 5, 7, 0, 5, 7, 2, 7, 2, 7], "strict_by_octets": [1, 1, 1, 6, 0, 9, 7, 0, 9, 7],
        "large": [0, 2, 0, 4, 1, 80, 0, 7, 1, 80, 0, 7], "flipped_hello": [0, 0, 0, 0, 3, 0, 0, 40, 3],
        "flipped_data": [0, 0, 0, 4, 0, 9, 0, 0, 12, 1], "cut": [0, 3, 2, 4, 0, 20, 1, 0, 10],
        "replayed": [0, 0, 0, 4, 0, 20, 3], "not_tls": [0, 0, 0, 0, 3, 5, 200],
        "header": [0, 0, 0, 4, 3, 6, 1, 3, 64, 1, 3, 6, 3, 3, 0, 9], "alert": [0, 0, 0, 1, 3, 6, 1, 3, 0, 2],
    }.items():
        write("tls_engine", name, seed(b"GET / HTTP/1.1\r\nHost: server.test\r\n\r\n", choices))


def urls():
    for name, text in {
        "plain": "ws://example.org", "all_parts": "wss://us%65r:p%40ss@Example.ORG:8443/a/b?c=d&e=%20",
        "ipv4": "ws://192.0.2.7:80/", "ipv6": "ws://[2001:db8::1]:8080/x", "ipv6_v4": "ws://[::ffff:192.0.2.7]/",
        "query_only": "ws://h?q", "empty_port": "ws://h:/", "port_zero": "ws://h:0/", "port_high": "ws://h:65536/",
        "fragment": "ws://h/#f", "scheme": "http://h/", "no_host": "ws:///p", "space": "ws://h/a b",
        "bad_escape": "ws://h/%4", "address": "1:2:3:4:5:6:7::", "address_v4": "::1.2.3.4", "any": "::",
    }.items():
        write("url", name, text.encode())


def heads():
    request = (b"GET /chat HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
               b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n")
    for name, more in {
        "plain": b"", "subprotocols": b"Sec-WebSocket-Protocol: chat, superchat\r\n",
        "extensions": b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=\"12\", x\r\n",
        "two_hosts": b"Host: other.example\r\n", "two_keys": b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
        "body": b"Content-Length: 3\r\n", "no_body": b"Content-Length: 0\r\n",
        "two_lengths": b"Content-Length: 0\r\nContent-Length: 3\r\n", "chunked": b"Transfer-Encoding: chunked\r\n",
        "folded": b"X: a\r\n b\r\n",
        "bare_lf": b"X: a\n", "nul": b"X: \x00\r\n", "space_before_colon": b"X : a\r\n",
    }.items():
        write("http_head", f"request_{name}", seed(request + more + b"\r\n", [1, 1, 0, 0]))
        write("handshake_request", name, seed(request + more + b"\r\n", [*config(), 1, 0, 1]))
    write("handshake_request", "early_bytes", seed(request + b"\r\n" + frame(0x81, b"hi"), [*config(), 0, 0, 2]))
    write("handshake_request", "refused", seed(request + b"\r\n", [*config(), 0, 2, 4, 8, 15, 16, 23, 42, 0]))
    write("handshake_request", "health", seed(b"\r\nGET /health HTTP/1.1\r\nHost: h\r\n\r\n", [*config(), 0, 0, 0]))
    write("handshake_request", "version", seed(request.replace(b": 13", b": 8") + b"\r\n", [*config(), 0, 0, 1]))

    answer = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              b"Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n")
    for name, text, asks in (
        ("opened", answer + b"\r\n" + frame(0x81, b"hi", False) + close(1000, b"", False), 0),
        ("subprotocol", answer + b"Sec-WebSocket-Protocol: chat\r\n\r\n", 1),
        ("extension", answer + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 0),
        ("two_accepts", answer + answer.splitlines(keepends=True)[-1] + b"\r\n", 0),
        ("unrequested", answer + b"Sec-WebSocket-Protocol: chat\r\n\r\n", 0),
        ("interim", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer + b"\r\n", 0),
        ("chunked", b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 0),
        ("until_end", b"HTTP/1.1 500 \r\n\r\nbroken", 0),
        ("with_length", b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone", 1),
    ):
        write("handshake_response", name, seed(text, [*config(), 0, 0, asks]))
        write("handshake_response", f"{name}_by_octets", seed(text, [*config(), 1, 1, asks]))
        write("http_head", f"response_{name}", seed(text, [0, 1, 0, 0]))
        write("split", f"response_{name}", seed(text, [*config(), 2, 3, 1, 4, 1, 5, 9, 1, 3]))


# Operations, by the numbers in support/pair.cpp.

SERVER, CLIENT = 0, 1
TURN, MOVE = 7, 10


def send(end, size, how):
    return [end, 0, size, how]


def command(end, size, which, *more):
    return [end, 2, size, which, *more]


def write_some(end, limit):
    return [end, 3, limit]


def read_some(end, limit):
    return [end, 5, limit]


def wait(end, step):
    return [end, 8, step]


def operations():
    times = [0, 0, 0, 0, 0]
    opened = [CLIENT, TURN, SERVER, TURN, 0, CLIENT, TURN]
    for name, clock, steps in (
        ("open", times, opened),
        ("messages", times, opened + send(CLIENT, 0, 1) + send(SERVER, 3, 0) + send(SERVER, 6, 4) + [CLIENT, TURN, SERVER, TURN]),
        ("fragments", times, opened + send(CLIENT, 0, 3) + send(CLIENT, 4, 3) + command(CLIENT, 1, 0) + send(CLIENT, 1, 1)),
        ("close", times, opened + send(SERVER, 0, 0) + command(CLIENT, 1, 4, 0) + [CLIENT, TURN, SERVER, TURN, CLIENT, TURN]),
        ("both_close", times, opened + command(CLIENT, 0, 4, 2) + command(SERVER, 2, 4, 4) + [CLIENT, TURN, SERVER, TURN]),
        ("full", times, opened + send(CLIENT, 6, 0) * 3 + write_some(CLIENT, 200) + read_some(SERVER, 100)),
        ("flood", times, opened + command(CLIENT, 2, 0) * 20 + [CLIENT, TURN] + read_some(SERVER, 255) * 10),
        ("keepalive", [0, 0, 3, 3, 3], opened + wait(CLIENT, 3) + [SERVER, TURN] + wait(CLIENT, 4) + wait(SERVER, 4)),
        ("idle", [3, 3, 0, 0, 3], opened + wait(CLIENT, 2) + wait(SERVER, 4) + [SERVER, TURN, CLIENT, TURN]),
        ("no_answer", [3, 0, 0, 0, 0], [CLIENT, TURN, SERVER, TURN, 7] + wait(CLIENT, 3) + wait(SERVER, 3)),
        ("refused", times, [CLIENT, TURN, SERVER, TURN, 7] + command(SERVER, 0, 3) + [SERVER, TURN, CLIENT, TURN]),
        ("moved", times, opened + [CLIENT, MOVE] + send(CLIENT, 0, 0) + [CLIENT, MOVE, CLIENT, TURN, SERVER, TURN]),
        ("corrupted", times, opened + send(CLIENT, 3, 0) + write_some(CLIENT, 255) + [SERVER, 9, 0, 6, SERVER, TURN]),
        ("cut", times, opened + send(CLIENT, 3, 0) + [CLIENT, 11, 15]),
        ("longest_times", [4, 4, 4, 4, 4], opened + wait(CLIENT, 4)),
    ):
        for way in (0, 1, 8, 16, 25):
            write("operations", f"{name}_{way}", seed(b"", [*config(way), *clock, way % 2, way % 2, *steps]))


def compressed(text, **options):
    """A message's payload, with its tail taken off."""
    deflater = zlib.compressobj(wbits=-15, **options)
    return (deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


def deflated():
    text = b"wolframite is an ore of tungsten, " * 4
    messages = {
        "fixed": compressed(text, strategy=zlib.Z_FIXED),
        "dynamic": compressed(bytes(range(97, 123)) * 20 + text, level=9),
        "stored": compressed(text, level=0),
        "huffman": compressed(text, strategy=zlib.Z_HUFFMAN_ONLY),
        "bomb": compressed(bytes(1 << 20)),
        "empty": b"\0",
        "final": zlib.compressobj(wbits=-15).flush() + b"\0",
        "two_finals": bytes.fromhex("f348cdc9c90700f348cdc9c9070000"),
        "again": bytes.fromhex("f200110000"),
        "too_far": bytes.fromhex("f248cdc9c90700021300"),
        "stored_tail": bytes.fromhex("000400fbff"),
        "nothing": b"",
    }
    for name, payload in messages.items():
        write("deflate", name, seed(payload, [0, 0, 0, 1]))
        write("deflate", f"{name}_cut", seed(payload, [0, 1, 2, 7, 7, 7, 7, 7, 7, 0, 3]))
        for role, start in DEFLATE_STARTS.items():
            half = len(payload) // 2
            mask = b"\x80" if role == "server" else b"\0"
            frames = b"".join(
                bytes([opcode]) + (bytes([mask[0] | len(part)]) if len(part) < 126
                                   else bytes([mask[0] | 126]) + len(part).to_bytes(2, "big"))
                + (bytes(4) if role == "server" else b"") + part
                for opcode, part in ((0xC2, payload), (0x42, payload[:half]), (0x80, payload[half:])))
            for chunks in (0, 1):
                write("split", f"deflate_{name}_{role}_{chunks}", seed(frames, [*config(chunks), 1, 0, start]))
    for name, text in (("text", text), ("random", random.Random(1).randbytes(600))):
        for bits, level, memory in ((0, 0, 0), (6, 5, 7), (3, 8, 8)):
            write("deflate", f"write_{name}_{bits}", seed(text, [1, bits, level, memory, 2, 9, 1, 15, 3, 8, 4, 0, 0, 3]))


def main():
    for transcript in sorted((ROOT / "tests" / "transcripts").glob("*.md")):
        from_transcript(transcript)
    frames()
    texts()
    tls()
    urls()
    heads()
    operations()
    deflated()
    size = sum(file.stat().st_size for file in CORPUS.rglob("*") if file.is_file())
    print(f"{sum(1 for file in CORPUS.rglob('*') if file.is_file())} seeds, {size} octets")


main()
