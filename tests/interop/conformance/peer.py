"""The testing end of one connection: sends what a case wants, checks what comes back."""

import select
import time
import zlib

from .wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, apply_mask, close_body, frame

NAMES = {TEXT: "text", BINARY: "binary", CLOSE: "close", PING: "ping", PONG: "pong"}


class Failure(Exception):
    """The peer did something else than the case asks for."""

    def __init__(self, expected, seen):
        super().__init__(f"expected {expected}, saw {seen}")


class End:
    """What the peer's stream ends with."""

    def __init__(self, how):
        self.how = how


class Event:
    """A message or control frame that was received whole."""

    def __init__(self, opcode, payload, wire_size=0):
        self.opcode = opcode
        self.payload = payload
        self.wire_size = wire_size  # of a message as it came, compressed or not

    def close_code(self):
        return int.from_bytes(self.payload[:2], "big") if self.payload else None


def describe(event):
    if isinstance(event, End):
        return event.how
    if event.opcode == CLOSE:
        code = event.close_code()
        return "Close without a code" if code is None else f"Close {code} {event.payload[2:]!r}"
    shown = bytes(event.payload[:32])
    return f"{NAMES[event.opcode]} of {len(event.payload)} octets {shown!r}"


class Peer:
    """Wraps a connected socket behind the handshake. `client` says which end this one is; `codec` is there if
    compression was agreed on."""

    def __init__(self, sock, client, timeout, received=b"", codec=None):
        sock.setblocking(False)
        self.sock = sock
        self.client = client
        self.timeout = timeout
        self.buffer = bytearray(received)
        self.message = None
        self.message_opcode = None
        self.message_compressed = False
        self.codec = codec
        self.end = None

    # Sending.

    def frame(self, opcode, payload=b"", fin=True, rsv=0):
        return frame(opcode, payload, fin, rsv, masked=self.client)

    def send(self, *frames, chop=None):
        """Sends the frames in one piece; with `chop` in pieces of so many octets, or of a frame each."""
        if chop == "frames":
            pieces = frames
        else:
            data = b"".join(frames)
            size = chop or len(data) or 1
            pieces = (data[at:at + size] for at in range(0, len(data), size))
        for piece in pieces:
            self._write(memoryview(piece))

    def _write(self, piece):
        # Reads meanwhile, lest both ends wait for each other with full buffers.
        while piece and self.end is None:
            readable, writable, _ = select.select([self.sock], [self.sock], [], self.timeout)
            if not readable and not writable:
                raise Failure("the peer to read on", f"no progress in {self.timeout:g} s")
            if readable:
                self._read()
            if writable and self.end is None:
                try:
                    piece = piece[self.sock.send(piece):]
                except OSError:
                    # The peer may have failed the connection; what it said before is still to be read.
                    piece = piece[:0]

    # Receiving.

    def _read(self):
        try:
            data = self.sock.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError as error:
            self.end = End(f"the connection broken ({error.strerror})")
            return
        if data:
            self.buffer += data
        else:
            self.end = End("the end of the stream")

    def receive(self, timeout=None):
        """Returns the next event, or None if `timeout` was given and passed."""
        wait = self.timeout if timeout is None else timeout
        deadline = time.monotonic() + wait
        while True:
            event = self._take_frame()
            if event is not None:
                return event
            if self.end is not None:
                return self.end
            if not select.select([self.sock], [], [], max(0.0, deadline - time.monotonic()))[0]:
                if timeout is None:
                    raise Failure("an answer", f"nothing in {wait:g} s")
                return None
            self._read()

    def _take_frame(self):
        while True:
            header = self._parse_header()
            if header is None:
                return None
            size, opcode, fin, compressed, key, length = header
            payload = bytes(self.buffer[size:size + length])
            del self.buffer[:size + length]
            if key is not None:
                payload = apply_mask(payload, key)
            event = self._complete(opcode, fin, compressed, payload)
            if event is not None:
                return event

    def _parse_header(self):
        data = self.buffer
        if len(data) < 2:
            return None
        fin, rsv, opcode = bool(data[0] & 0x80), data[0] >> 4 & 7, data[0] & 15
        masked, length, size = bool(data[1] & 0x80), data[1] & 0x7F, 2
        compressed = rsv == 4 and self.codec is not None and opcode in (TEXT, BINARY)
        self._require(rsv == 0 or compressed, f"RSV bits {rsv}")
        self._require(opcode == CONTINUATION or opcode in NAMES, f"opcode {opcode}")
        self._require(masked != self.client, "a mask" if masked else "no mask")
        if opcode >= CLOSE:
            self._require(fin and length <= 125, "a control frame that is fragmented or too long")
        if length >= 126:
            size += 2 if length == 126 else 8
            if len(data) < size:
                return None
            announced = int.from_bytes(data[2:size], "big")
            self._require(announced >= (126 if length == 126 else 1 << 16), "a length that is not minimal")
            length = announced
        key = None
        if masked:
            key = bytes(data[size:size + 4])
            size += 4
        return (size, opcode, fin, compressed, key, length) if len(data) >= size + length else None

    def _complete(self, opcode, fin, compressed, payload):
        if opcode >= CLOSE:
            if opcode == CLOSE:
                self._require(len(payload) != 1, "a Close body of one octet")
                self._require_utf8(payload[2:])
            return Event(opcode, payload)
        self._require((opcode == CONTINUATION) == (self.message is not None), "fragments out of order")
        if opcode != CONTINUATION:
            self.message, self.message_opcode, self.message_compressed = bytearray(), opcode, compressed
        self.message += payload
        if not fin:
            return None
        event = Event(self.message_opcode, self._inflated(), len(self.message))
        self.message = None
        if event.opcode == TEXT:
            self._require_utf8(event.payload)
        return event

    def _inflated(self):
        if not self.message_compressed:
            return self.message
        try:
            return self.codec.decompress(self.message)
        except zlib.error as error:
            raise Failure("a deflate stream", str(error)) from None

    def _require(self, condition, fault):
        if not condition:
            raise Failure("valid frames", f"a frame with {fault}")

    def _require_utf8(self, data):
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            self._require(False, "invalid UTF-8")

    # Expectations.

    def expect(self, opcode, payload=b""):
        event = self.receive()
        if isinstance(event, End) or event.opcode != opcode or event.payload != payload:
            raise Failure(describe(Event(opcode, payload)), describe(event))
        return event

    def expect_silence(self, seconds):
        """The peer must not react. It may not have had the time to, so this can pass too easily, never too hard."""
        event = self.receive(timeout=seconds)
        if event is not None:
            raise Failure("no reaction yet", describe(event))

    def expect_failure(self, *codes):
        """The peer must fail the connection with one of these codes, and send nothing else."""
        self._expect_close(codes)
        self.send(self.frame(CLOSE, close_body(codes[0])))
        self.expect_end()

    def expect_failure_inside_frame(self, *codes):
        """The same where we cannot answer, since a frame of ours is unfinished."""
        self._expect_close(codes)
        self.shut_down()
        self.expect_end()

    def close(self, code=1000, reason=b"", then=()):
        """Starts the closing handshake, sends the frames `then` behind, and expects the peer to complete it."""
        self.send(self.frame(CLOSE, close_body(code, reason)), *then)
        self.expect_answer(1000, code, None)

    def expect_answer(self, *codes):
        """After our Close, the peer must answer with a Close of one of these codes, and send nothing else."""
        self._expect_close(codes)
        self.expect_end()

    def _expect_close(self, codes):
        event = self.receive()
        if isinstance(event, End) or event.opcode != CLOSE or event.close_code() not in codes:
            wanted = " or ".join("no code" if code is None else str(code) for code in codes)
            raise Failure(f"Close with {wanted}", describe(event))

    def expect_end(self):
        """The server closes the TCP connection first (RFC 6455 section 7.1.1), the client follows."""
        if not self.client:
            self.shut_down()
        event = self.receive()
        if not isinstance(event, End):
            raise Failure("the end of the stream", describe(event))

    def shut_down(self):
        try:
            self.sock.shutdown(1)
        except OSError:
            pass  # the peer was faster
