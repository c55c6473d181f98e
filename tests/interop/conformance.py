#!/usr/bin/python3
"""Runs the conformance cases against a server, or as a server against a client.

    conformance.py --server ws://127.0.0.1:9001     one connection a case
    conformance.py --listen 9002                    then run the client against ws://127.0.0.1:9002

As a server it speaks the protocol that clients are tested with: /getCaseCount, /runCase?case=N&agent=A
and /updateReports?agent=A, after which it ends. See docs/conformance.md.
"""

import argparse
import fnmatch
import socket
import sys
import time
import urllib.parse

from conformance import CASES
from conformance.peer import Failure, Peer
from conformance.wire import TEXT, HandshakeError, open_as_client, open_as_server


class Report:
    """Prints failures as they happen and a last line that counts."""

    def __init__(self, verbose):
        self.verbose = verbose
        self.passed = self.failed = 0

    def run(self, case, connect):
        """Runs a case on the Peer that `connect` gives for it."""
        started = time.monotonic()
        fault = None
        try:
            with connect(case) as peer:
                case.run(peer)
        except ConnectionRefusedError:
            raise
        except (Failure, HandshakeError, OSError) as error:
            fault = error
        if fault is None:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAIL {case.number} {case.title}: {fault}", flush=True)
        if self.verbose:
            print(f"{case.number} {case.title}: {time.monotonic() - started:.3f} s", flush=True)

    def finish(self, expected):
        missing = expected - self.passed - self.failed
        if missing:
            print(f"FAIL {missing} cases were not run")
        print(f"{self.passed} passed, {self.failed + missing} failed", flush=True)
        return 0 if self.passed == expected else 1


class connected:
    """A Peer for the length of a `with` block."""

    def __init__(self, sock, client, timeout, received=b"", codec=None):
        self.sock = sock
        self.peer = Peer(sock, client, timeout, received, codec)

    def __enter__(self):
        return self.peer

    def __exit__(self, *_):
        self.sock.close()


def test_server(url, cases, report, timeout):
    parts = urllib.parse.urlsplit(url)

    def connect(case):
        sock = socket.create_connection((parts.hostname, parts.port or 80), timeout)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if case.offering is None:
                return connected(sock, True, timeout, open_as_client(sock, url))
            return connected(sock, True, timeout, *open_as_client(sock, url, case.offering))
        except BaseException:
            sock.close()
            raise

    try:
        for case in cases:
            report.run(case, connect)
    except ConnectionRefusedError:
        print(f"FAIL no server at {url}")
    return report.finish(len(cases))


def tell_count(peer, count):
    peer.send(peer.frame(TEXT, str(count).encode()))
    peer.close()


def test_client(port, cases, report, timeout):
    with socket.create_server(("127.0.0.1", port)) as listener:
        print(f"listening on ws://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        listener.settimeout(timeout)
        ran = set()
        while True:
            try:
                sock, _ = listener.accept()
            except TimeoutError:
                print(f"FAIL no client came for {timeout:g} s")
                break
            if serve(sock, cases, report, timeout, ran):
                break
        return report.finish(len(cases))


def serve(sock, cases, report, timeout, ran):
    """Answers one connection. Returns whether it was the last."""
    sock.settimeout(timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def case_of(target):
        parts = urllib.parse.urlsplit(target)
        number = int(urllib.parse.parse_qs(parts.query)["case"][0]) if parts.path == "/runCase" else 0
        return cases[number - 1] if 1 <= number <= len(cases) else None

    def answering_to(target):
        case = case_of(target)
        return case.answering if case else None

    try:
        target, codec = open_as_server(sock, answering_to)
        case = case_of(target)
    except (HandshakeError, OSError, ValueError) as error:
        print(f"FAIL handshake: {error}", flush=True)
        sock.close()
        return False
    connect = lambda _: connected(sock, False, timeout, codec=codec)  # noqa: E731
    if case is not None and case not in ran:
        ran.add(case)
        report.run(case, connect)
        return False
    target = urllib.parse.urlsplit(target)
    query = urllib.parse.parse_qs(target.query)
    try:
        with connect(None) as peer:
            if target.path == "/getCaseCount":
                tell_count(peer, len(cases))
            elif target.path == "/updateReports" and "agent" in query:
                peer.close()
                return True
            else:
                peer.close(1008, b"no such case, or run before")
    except Failure as fault:
        print(f"FAIL {target.path}: {fault}", flush=True)
    return target.path == "/updateReports"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--server", metavar="URL", help="test the echo server there")
    mode.add_argument("--listen", metavar="PORT", type=int, help="test a client; 0 takes a free port")
    mode.add_argument("--list", action="store_true", help="list the cases")
    parser.add_argument("--cases", metavar="PATTERN", nargs="+", default=["*"],
                        help="such as '6.*' (default: all; 12 and 13 are compression)")
    parser.add_argument("--timeout", type=float, default=30, help="for any one answer, in seconds")
    parser.add_argument("--verbose", action="store_true", help="print each case and how long it took")
    args = parser.parse_args()

    cases = [case for case in CASES if any(fnmatch.fnmatch(case.number, pattern) for pattern in args.cases)]
    if not cases:
        parser.error(f"no case is named {' or '.join(args.cases)}")
    if args.list:
        for case in cases:
            print(case.number, case.title)
        return 0
    report = Report(args.verbose)
    if args.server:
        return test_server(args.server, cases, report, args.timeout)
    return test_client(args.listen, cases, report, args.timeout)


if __name__ == "__main__":
    sys.exit(main())
