"""Runs conformance cases. Arguments: `plain` or `deflate`, for the cases without or with compression; `server` and a
server's command, or `client` and a client's command, which gets the URL of the testing server as its last argument."""

import pathlib
import sys
import unittest

from harness import Program, main, run

SUITE = [sys.executable, pathlib.Path(__file__).with_name("conformance.py")]
CASES = {"plain": (301, "[1-9].*", "10.*"), "deflate": (216, "12.*", "13.*")}


class Conformance(unittest.TestCase):
    def test_all(self):
        count, *patterns = CASES[group]
        check = self.check_server if role == "server" else self.check_client
        check(f"{count} passed, 0 failed", "--cases", *patterns)

    def check_server(self, verdict, *selection):
        with Program(*command, ends_with=None) as server:
            code, report, _ = run(*SUITE, "--server", server.url(), *selection)
        self.assertEqual((code, report), (0, verdict + "\n"))

    def check_client(self, verdict, *selection):
        with Program(*SUITE, "--listen", "0", *selection) as suite:
            code, seen, complaints = run(*command, suite.url())
            self.assertEqual((code, complaints), (0, ""), seen)
            status = suite.wait()
            report = []
            while (line := suite.lines.get_nowait()) is not None:
                report.append(line)
        self.assertEqual((status, report), (0, [verdict]))


main("group", "role", "*command")
