"""What can be measured: one cell is one load that every server is put under."""

import fnmatch
from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB

SIZES = (16, 125, KIB, 16 * KIB, 64 * KIB, MIB, 16 * MIB, 64 * MIB)
CONNECTIONS = (1, 64, 512, 10_000)
DEPTHS = (1, 16)
# Servers that hold whole messages need this much memory, and twice, for what is on its way.
MOST_ON_THEIR_WAY = 256 * MIB


def size_name(size):
    if size >= MIB:
        return f"{size // MIB}MiB"
    return f"{size // KIB}KiB" if size >= KIB else f"{size}B"


@dataclass(frozen=True)
class Cell:
    mode: str  # of the load generator
    connections: int = 1
    size: int = 16
    depth: int = 1
    tls: bool = False
    deflate: bool = False

    @property
    def group(self):
        """Cells of a group share a table."""
        if self.mode == "echo" and (self.tls or self.deflate):
            return "tls" if self.tls else "deflate"
        return "handshakes-tls" if self.mode == "handshakes" and self.tls else self.mode

    @property
    def longer(self):
        """How many times as long it is measured: where user space is a twentieth of the time, it takes more ticks to tell how much."""
        return 3 if self.group == "echo" and self.depth == 1 and self.size <= KIB and self.connections in (64, 512) else 1

    @property
    def name(self):
        connections = f"c{self.connections}"
        if self.mode in ("handshakes", "idle"):
            return f"{self.group}/{connections}"
        if self.mode == "broadcast":
            return f"broadcast/{size_name(self.size)}/{connections}"
        return f"{self.group}/{size_name(self.size)}/{connections}/d{self.depth}"

    def load_arguments(self, seconds):
        arguments = [self.mode, "--connections", str(self.connections), "--size", str(self.size)]
        arguments += ["--depth", str(self.depth), "--seconds", str(seconds)]
        return arguments + ["--tls"] * self.tls + ["--deflate"] * self.deflate

    def server_arguments(self, certificate):
        arguments = []
        if self.tls:
            arguments += ["--cert", str(certificate.with_suffix(".pem")), "--key", str(certificate.with_suffix(".key"))]
        return arguments + ["--deflate"] * self.deflate + ["--broadcast"] * (self.mode == "broadcast")


def _echo_cells():
    for size in SIZES:
        for connections in CONNECTIONS:
            for depth in DEPTHS:
                if connections == 10_000 and (depth > 1 or size not in (16, KIB)):
                    continue
                if size * connections * depth <= MOST_ON_THEIR_WAY:
                    yield Cell("echo", connections, size, depth)


ALL = [
    *_echo_cells(),
    *(Cell("echo", c, s, d, tls=True) for s in (16, KIB, 16 * KIB, MIB) for c, d in ((1, 1), (1, 16), (64, 1)) if s * d <= MIB),
    *(Cell("echo", c, s, d, deflate=True) for s in (125, KIB, 16 * KIB) for c, d in ((1, 1), (64, 16))),
    Cell("handshakes", 16),
    Cell("handshakes", 16, tls=True),
    Cell("idle", 10_000, 125),
    Cell("broadcast", 1000, 125),
    Cell("broadcast", 1000, KIB),
    Cell("broadcast", 1000, 16 * KIB),
]

QUICK = [
    Cell("echo", 1, 16, 1),
    Cell("echo", 1, 16, 16),
    Cell("echo", 64, KIB, 1),
    Cell("echo", 1, 64 * KIB, 1),
    Cell("echo", 1, MIB, 1),
    Cell("echo", 1, KIB, 16, tls=True),
    Cell("echo", 1, KIB, 1, deflate=True),
    Cell("handshakes", 16),
    Cell("idle", 1000, 125),
    Cell("broadcast", 1000, KIB),
]


def select(cells, patterns):
    """Those of the cells whose name a pattern fits, or begins with it and a slash. All without patterns."""
    if not patterns:
        return list(cells)
    return [c for c in cells if any(fnmatch.fnmatch(c.name, p) or c.name.startswith(p.rstrip("/") + "/") for p in patterns)]
