"""Starts and stops the programs of a test. Nothing sleeps: what is waited for is a line or an exit."""

import os
import queue
import signal
import subprocess
import sys
import threading
import unittest

from certificates import Certificates

# Whether the programs are to talk over TLS.
TLS = bool(os.environ.get("WOLFRAMITE_TEST_TLS"))

TIMEOUT = 120  # seconds; generous, since sanitizers and a busy machine are slow


_certificates = Certificates() if TLS else None


class Program:
    """A program that runs for the length of a `with` block, and must then end as it should.

    It is ended with SIGTERM. `ends_with` is the exit status that must follow; None accepts any.
    """

    def __init__(self, *command, ends_with=0, **options):
        self.command = [str(part) for part in command]
        self.ends_with = ends_with
        options.setdefault("stdin", subprocess.DEVNULL)
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, errors="backslashreplace",
                                        **options)
        self.lines = queue.SimpleQueue()
        self.complaints = []
        self.readers = [threading.Thread(target=self._read, daemon=True),
                        threading.Thread(target=self._read_complaints, daemon=True)]
        for reader in self.readers:
            reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def _read_complaints(self):
        self.complaints.extend(self.process.stderr)

    def line(self, prefix=""):
        """Waits for a line of output that begins with `prefix` and returns what follows it."""
        while True:
            try:
                line = self.lines.get(timeout=TIMEOUT)
            except queue.Empty:
                raise AssertionError(f"{self.command[0]} did not print '{prefix}...' in {TIMEOUT} s") from None
            if line is None:
                self.process.wait(TIMEOUT)
                self.readers[1].join(TIMEOUT)
                raise AssertionError(f"{self.command[0]} ended with {self.process.returncode} before it printed "
                                     f"'{prefix}...':\n{''.join(self.complaints)}")
            if line.startswith(prefix):
                return line[len(prefix):]

    def line_with(self, text):
        """Waits for a line of output that has `text` in it, and returns the line."""
        line = self.line()
        while text not in line:
            line = self.line()
        return line

    def url(self):
        return self.line("listening on ")

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self):
        """Waits for the end and returns the exit status."""
        try:
            return self.process.wait(TIMEOUT)
        finally:
            if self.process.returncode is None:
                self.process.kill()
                self.process.wait()
            for reader in self.readers:
                reader.join(TIMEOUT)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.signal()
        status = self.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        if self.complaints:
            sys.stderr.write(f"{self.command[0]} says:\n{''.join(self.complaints)}")
        if kind is None and self.ends_with is not None and status != self.ends_with:
            raise AssertionError(f"{self.command[0]} ended with {status}, not {self.ends_with}")


def run(*command, text=""):
    """Runs a program to its end. Returns its exit status, output and complaints."""
    done = subprocess.run([str(part) for part in command], input=text, capture_output=True, text=True,
                          errors="backslashreplace", timeout=TIMEOUT, check=False)
    return done.returncode, done.stdout, done.stderr


def server_arguments():
    """What echo_server needs besides, to speak TLS and use the adapter if the tests do."""
    adapter = os.environ.get("WOLFRAMITE_TEST_ADAPTER")
    return [*(_certificates.server_arguments() if TLS else []), *(["--adapter", adapter] if adapter else [])]


def main(*names):
    """Runs the tests of the calling module. Its arguments are put into the module's globals `names`: one each, the
    last one a list of all that remain if it begins with an asterisk."""
    module = sys.modules["__main__"]
    arguments = sys.argv[1:]
    for index, name in enumerate(names):
        if name.startswith("*"):
            setattr(module, name[1:], arguments[index:])
            arguments = arguments[:index]
            break
        if index >= len(arguments):
            sys.exit(f"usage: {sys.argv[0]} {' '.join(names)} [test...]")
        setattr(module, name, arguments[index])
    if TLS:
        _certificates.trust()
        # Where the servers that are not ours find them.
        os.environ.update(WOLFRAMITE_CERT=_certificates.cert, WOLFRAMITE_KEY=_certificates.key)
    unittest.main(argv=[sys.argv[0], *arguments[len(names):]], verbosity=2)


def pattern(size):
    """The made-up payload that test_client makes as well."""
    period = bytes(range(ord("!"), ord("!") + 89))
    return (period * (size // len(period) + 1))[:size]


SIZES = (0, 1, 125, 126, 127, 65535, 65536, 1 << 20, 16 << 20)
