"""Compression with peers that are not ours, in both directions, with and without context takeover and with every window
size they can be told. Arguments: echo_server, echo_client, the command that runs Node."""

import asyncio
import itertools
import pathlib
import subprocess
import unittest
import urllib.parse

import websockets
from websockets.extensions.permessage_deflate import (ClientPerMessageDeflateFactory, PerMessageDeflate,
                                                      ServerPerMessageDeflateFactory)

from harness import TIMEOUT, Program, main, pattern, run

PEERS = pathlib.Path(__file__).with_name("peers")
FLAGS = tuple(itertools.product((False, True), repeat=2))


def serving(*options):
    return Program(echo_server, "--port", "0", "--deflate", *options)


class WebsocketsPeer(unittest.IsolatedAsyncioTestCase):
    MESSAGES = [b"", b"x", pattern(100), pattern(5000), pattern(100_000), "½ Größe – 𝄞" * 500, "", "again" * 30,
                "again" * 30]

    async def expect_echoes(self, url, **parameters):
        factory = ClientPerMessageDeflateFactory(**parameters)
        async with websockets.connect(url, compression=None, extensions=[factory], max_size=None) as ws:
            self.assertEqual([type(extension) for extension in ws.extensions], [PerMessageDeflate])
            for message in self.MESSAGES:
                await ws.send(message)
                self.assertTrue(await ws.recv() == message, f"{len(message)} came back changed with {parameters}")

    async def test_client(self):
        for options in ((), ("--no-context-takeover",)):
            with serving(*options) as server:
                url = server.url()
                for bits, (server_forgets, client_forgets) in itertools.product(range(8, 16), FLAGS):
                    # Python's zlib cannot compress with a window of 8 bits.
                    await self.expect_echoes(url, server_no_context_takeover=server_forgets,
                                             client_no_context_takeover=client_forgets, server_max_window_bits=bits,
                                             client_max_window_bits=max(bits, 9))

    async def test_client_of_a_server_with_small_windows(self):
        for bits in ("9", "12"):
            with serving("--window-bits", bits) as server:
                await self.expect_echoes(server.url(), client_max_window_bits=True)

    async def test_server(self):
        async def echo(ws):
            self.assertEqual([type(extension) for extension in ws.extensions], [PerMessageDeflate])
            async for message in ws:
                await ws.send(message)

        for bits, forgets in itertools.product(range(8, 16), (False, True)):
            factory = ServerPerMessageDeflateFactory(
                server_no_context_takeover=forgets, client_no_context_takeover=forgets,
                server_max_window_bits=max(bits, 9), client_max_window_bits=bits)
            async with websockets.serve(echo, "127.0.0.1", 0, compression=None, extensions=[factory],
                                        max_size=None) as server:
                port = server.sockets[0].getsockname()[1]
                for options in ((), ("--window-bits", str(24 - bits if bits > 9 else 12), "--no-context-takeover")):
                    client = await asyncio.create_subprocess_exec(
                        echo_client, "--url", f"ws://127.0.0.1:{port}", "--deflate", *options,
                        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
                        stderr=asyncio.subprocess.PIPE)
                    complaints = (await client.communicate())[1]
                    self.assertEqual((client.returncode, complaints), (0, b""), (bits, forgets, options))


class WsPeer(unittest.TestCase):
    def test_client(self):
        for options in ((), ("--no-context-takeover",), ("--window-bits", "10")):
            with serving(*options) as server:
                subprocess.run([*node, PEERS / "ws_deflate_client.mjs", server.url()], check=True, timeout=TIMEOUT)

    def test_server(self):
        with Program(*node, PEERS / "ws_deflate_server.mjs") as server:
            url = server.url()
            for bits, forgets in itertools.product(range(8, 16), (False, True)):
                query = urllib.parse.urlencode({"server": bits, "client": 23 - bits, "forgets": int(forgets)})
                # ws refuses offers of less than it is set to.
                for options in ((), ("--window-bits", str(max(bits, 23 - bits)), "--no-context-takeover")):
                    code, _, complaints = run(echo_client, "--url", f"{url}/?{query}", "--deflate", *options)
                    self.assertEqual((code, complaints), (0, ""), (bits, forgets, options))
                    agreed = server.line("compressed ")
                    self.assertEqual(agreed, "true", (bits, forgets, options))


main("echo_server", "echo_client", "*node")
