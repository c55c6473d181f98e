"""Debian's python3-websockets as a server for our clients. What it does depends on the path; see servers_test.py."""

import asyncio
import http
import os
import pathlib
import signal
import ssl
import sys
import urllib.parse

import websockets

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
from harness import pattern  # noqa: E402


def refuse(path, _headers):
    if path == "/refuse":
        return http.HTTPStatus.FORBIDDEN, [("Content-Type", "text/plain")], b"members only"
    return None


async def echo(ws, _):
    async for message in ws:
        await ws.send(message)


async def close(ws, query):
    await ws.close(int(query["code"]), query.get("reason", ""))


async def close_on_message(ws, query):
    await ws.recv()
    await close(ws, query)


async def fragments(ws, query):
    size, part = int(query["size"]), int(query["part"])
    data = pattern(size)
    await ws.send([data[at:at + part] for at in range(0, size, part)])


async def ping(ws, query):
    await (await ws.ping(query["payload"].encode()))
    await ws.send("pong " + query["payload"])


async def drop(ws, _):
    ws.transport.close()


async def handle(ws):
    target = urllib.parse.urlsplit(ws.path)
    query = dict(urllib.parse.parse_qsl(target.query))
    actions = {"/echo": echo, "/close": close, "/close-on-message": close_on_message, "/fragments": fragments,
               "/ping": ping, "/drop": drop}
    try:
        await actions[target.path](ws, query)
        await ws.wait_closed()
    except websockets.ConnectionClosed:
        pass
    print("closed", ws.close_code, ws.close_reason, flush=True)


def add_headers(_path, request_headers):
    # The response tells that an extra header has arrived.
    return {"X-Test": request_headers["X-Test"]} if "X-Test" in request_headers else {}


async def main():
    tls = None
    if "WOLFRAMITE_CERT" in os.environ:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(os.environ["WOLFRAMITE_CERT"], os.environ["WOLFRAMITE_KEY"])
    stop = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set_result, None)
    async with websockets.serve(handle, "127.0.0.1", 0, process_request=refuse, extra_headers=add_headers,
                                subprotocols=["chat.v2"], max_size=None, ping_interval=None, ssl=tls) as server:
        print(f"listening on {'wss' if tls else 'ws'}://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await stop


asyncio.run(main())
