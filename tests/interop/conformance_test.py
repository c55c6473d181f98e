"""Runs all conformance cases. Arguments: `server` and a server's command, or `client` and a client's command, which
gets the URL of the testing server as its last argument."""

import pathlib
import sys
import unittest

from harness import Program, main, run

SUITE = [sys.executable, pathlib.Path(__file__).with_name("conformance.py")]
CASES = 301


class Conformance(unittest.TestCase):
    def test_all(self):
        (self.check_server if role == "server" else self.check_client)()

    def check_server(self):
        with Program(*command, ends_with=None) as server:
            code, report, _ = run(*SUITE, "--server", server.url())
        self.assertEqual((code, report), (0, f"{CASES} passed, 0 failed\n"))

    def check_client(self):
        with Program(*SUITE, "--listen", "0") as suite:
            code, seen, complaints = run(*command, suite.url())
            self.assertEqual((code, complaints), (0, ""), seen)
            status = suite.wait()
            report = []
            while (line := suite.lines.get_nowait()) is not None:
                report.append(line)
        self.assertEqual((status, report), (0, [f"{CASES} passed, 0 failed"]))


main("role", "*command")
