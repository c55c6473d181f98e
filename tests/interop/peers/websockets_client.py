"""Debian's python3-websockets as a client of echo_server, whose URL is the argument."""

import asyncio
import pathlib
import sys
import unittest

import websockets

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
from harness import SIZES, pattern  # noqa: E402

URL = sys.argv.pop(1)


class Client(unittest.IsolatedAsyncioTestCase):
    def connect(self, **options):
        return websockets.connect(URL, **{"compression": None, "max_size": None, "ping_interval": None, **options})

    async def expect_echo(self, ws, message):
        await ws.send(message)
        back = await ws.recv()
        self.assertTrue(back == message, f"{type(message).__name__} of {len(message)} came back changed")

    async def test_sizes(self):
        async with self.connect() as ws:
            for size in SIZES:
                await self.expect_echo(ws, pattern(size))
                await self.expect_echo(ws, pattern(size).decode())

    async def test_text_beyond_ascii(self):
        async with self.connect() as ws:
            await self.expect_echo(ws, "½ Größe – 𝄞 \0 \uffff")

    async def test_fragments(self):
        async with self.connect() as ws:
            await ws.send(["ein", "", "s ", "zw", "ei"])
            self.assertEqual(await ws.recv(), "eins zwei")
            parts = [pattern(1000)] * 1000
            await ws.send(parts)
            self.assertTrue(await ws.recv() == b"".join(parts))

    async def test_pings(self):
        async with self.connect() as ws:
            for payload in (b"", b"ping", b"\xff" * 125):
                await (await ws.ping(payload))
            # Several at once, answered in order; the last pong stands for all.
            waiters = [await ws.ping(b"%d" % number) for number in range(10)]
            await asyncio.gather(*waiters)
            await ws.pong(b"nobody asked")
            await self.expect_echo(ws, "after an unasked pong")

    async def test_close_codes(self):
        for code, reason in ((1000, ""), (1001, "away"), (3000, "registered"), (4999, "ü" * 61)):
            async with self.connect() as ws:
                await ws.close(code, reason)
                self.assertEqual((ws.close_code, ws.close_reason), (code, reason))

    async def test_subprotocol(self):
        async with self.connect(subprotocols=["soap", "echo"]) as ws:
            self.assertEqual(ws.subprotocol, "echo")
        async with self.connect(subprotocols=["soap"]) as ws:
            self.assertIsNone(ws.subprotocol)

    async def test_headers(self):
        async with self.connect(extra_headers={"X-Extra": "1", "Authorization": "Bearer x"}) as ws:
            self.assertEqual(ws.response_headers["Server"], "wolframite")

    async def test_refused_origin(self):
        async with self.connect(origin="https://example.org"):
            pass
        with self.assertRaises(websockets.InvalidStatusCode) as refused:
            await self.connect(origin="https://elsewhere.example")
        self.assertEqual(refused.exception.status_code, 403)

    async def test_compression_is_declined(self):
        async with self.connect(compression="deflate") as ws:
            self.assertEqual(ws.extensions, [])
            await self.expect_echo(ws, "plain")

    async def test_many_at_once(self):
        async def talk(number):
            async with self.connect() as ws:
                for turn in range(20):
                    await self.expect_echo(ws, f"{number}, {turn}")

        await asyncio.gather(*(talk(number) for number in range(50)))

    async def test_slow_reader(self):
        # More than all buffers hold is sent before anything is read. It must come back whole and in order.
        count, size = 64, 256 << 10
        async with self.connect(max_queue=1) as ws:
            async def send_all():
                for number in range(count):
                    await ws.send(bytes([number]) * size)

            sending = asyncio.create_task(send_all())
            for number in range(count):
                back = await ws.recv()
                self.assertTrue(back == bytes([number]) * size)
            await sending


unittest.main(verbosity=2)
