"""The servers that are measured, and how one is run."""

import os
import select
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class Failed(Exception):
    """A measurement that did not come about."""


@dataclass(frozen=True)
class Server:
    name: str
    program: str  # below a build directory's bench/echo, or a path of its own
    kind: str  # ours, limit, peer, or twin: a limit once more, to see how far apart the same program is from itself
    limit: str = ""  # name of the limit that it is held against
    groups: frozenset = frozenset()  # of cells that it cannot be measured in
    arguments: tuple = ()
    least_size: int = 0  # below that it is the same as another one

    def command(self, build):
        path = Path(self.program) if self.program.startswith("/") else build / "bench/echo" / self.program
        if path.suffix == ".mjs":
            return ["node", str(path), *self.arguments]
        return [str(path), *self.arguments]

    def is_there(self, build):
        program = Path(self.command(build)[-1 - len(self.arguments)])
        if program.suffix == ".mjs":
            return (program.parent / "node_modules/ws").is_dir() and subprocess.run(["which", "node"], capture_output=True).returncode == 0
        return program.exists()

    def can(self, cell):
        return cell.group not in self.groups and cell.size >= self.least_size

    def version(self, build):
        if self.kind != "peer":
            return ""
        return subprocess.run([*self.command(build), "--version"], capture_output=True, text=True).stdout.strip().rstrip("-")


_BARE = frozenset({"tls", "deflate", "handshakes-tls"})
_ALL_BUT_HANDSHAKES = _BARE | {"echo", "idle", "broadcast"}
_WS = str(ROOT / "bench/echo/peers/ws.mjs")

ALL = [
    Server("epoll", "echo_epoll", "ours", "limit-epoll"),
    Server("uring", "echo_uring", "ours", "limit-uring"),
    Server("asio-callbacks", "echo_asio_callbacks", "ours", "limit-epoll", groups=frozenset({"broadcast"})),
    Server("asio-awaitables", "echo_asio_awaitables", "ours", "limit-epoll", groups=frozenset({"broadcast"})),
    Server("limit-epoll", "limit_epoll", "limit", groups=_BARE),
    Server("limit-uring", "limit_uring", "limit", groups=_BARE | {"broadcast"}),
    Server("limit-epoll-waits", "limit_epoll", "limit", groups=_ALL_BUT_HANDSHAKES, arguments=("--wait-for-end",)),
    Server("limit-uring-waits", "limit_uring", "limit", groups=_ALL_BUT_HANDSHAKES, arguments=("--wait-for-end",)),
    Server("limit-streamed", "limit_epoll", "limit", groups=_BARE | {"broadcast"}, arguments=("--stream",), least_size=1 << 20),
    Server("limit-epoll-twin", "limit_epoll", "twin", "limit-epoll", groups=_BARE | {"broadcast", "idle"}),
    Server("beast", "peers/peer_beast", "peer"),
    Server("websocketpp", "peers/peer_websocketpp", "peer", groups=_BARE),
    Server("libwebsockets", "peers/peer_libwebsockets", "peer", groups=frozenset({"deflate"})),
    Server("ws", _WS, "peer"),
]


@dataclass
class Running:
    """A server's process while it is measured; a context manager."""

    command: list
    core: int
    port: int = 0
    process: subprocess.Popen = field(default=None)

    def __enter__(self):
        self.process = subprocess.Popen(
            ["taskset", "-c", str(self.core), *self.command],
            stdout=subprocess.PIPE,
            text=True,
        )
        ready, _, _ = select.select([self.process.stdout], [], [], 20)
        line = self.process.stdout.readline() if ready else ""
        if not line.strip().isdigit():
            self.__exit__()
            raise Failed(f"{self.command[0]} does not listen")
        self.port = int(line)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
