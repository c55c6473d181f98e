"""Our clients talk to a server that is not ours. Arguments: test_client, echo_client, the server's command."""

import re
import unittest

from harness import SIZES, Program, main, run


class Servers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Program(*server))
        cls.url = cls.server.url()

    def client(self, path, *steps, status=0):
        """Runs test_client, and returns what it saw behind the handshake."""
        code, seen, complaints = run(test_client, self.url + path, *steps)
        self.assertEqual((code, complaints), (status, ""), seen)
        return seen.splitlines()[2:]

    def test_echo_client(self):
        code, seen, complaints = run(echo_client, "--url", self.url + "/echo")
        self.assertEqual((code, complaints), (0, ""), seen)
        self.assertIn("echoed binary of 1048576 octets", seen)
        code, seen, _ = run(echo_client, "--url", self.url + "/echo", text="one\n\nGröße\n")
        self.assertEqual((code, seen), (0, 'echoed "one"\nechoed ""\nechoed "Größe"\nclosed\n'))

    def test_bench(self):
        for length in ("100", "1s"):
            code, seen, complaints = run(echo_client, "--url", self.url + "/echo", "--bench", length)
            self.assertEqual((code, complaints), (0, ""))
            self.assertEqual(len(re.findall(r"^ *[1-9][0-9]* messages/s of 128 octets", seen, re.MULTILINE)), 2, seen)

    def test_sizes(self):
        steps = [step for size in SIZES for step in (f"binary:{size}", "recv", f"text-of:{size}", "recv")]
        expected = []
        for size in SIZES:
            shown = bytes(33 + i % 89 for i in range(size)).decode() if size <= 80 else None
            expected.append(f"binary {size} right")
            expected.append(f"text {size} right" if shown is None else f"text {shown}")
        self.assertEqual(self.client("/echo", *steps, "close"), [*expected, "end 1000 clean "])

    def test_text_beyond_ascii(self):
        self.assertEqual(self.client("/echo", "text:½ Größe – 𝄞", "recv", "close"),
                         ["text ½ Größe – 𝄞", "end 1000 clean "])

    def test_fragments_sent(self):
        self.assertEqual(self.client("/echo", "parts:1000:1", "recv", "parts:1000000:4096", "recv", "close"),
                         ["binary 1000 right", "binary 1000000 right", "end 1000 clean "])

    def test_fragments_received(self):
        self.assertEqual(self.client("/fragments?size=1000&part=7", "recv", "close")[0], "binary 1000 right")
        self.assertEqual(self.client("/fragments?size=5000000&part=10000", "recv", "close")[0],
                         "binary 5000000 right")

    def test_pinged(self):
        self.assertEqual(self.client("/ping?payload=anyone", "recv", "close"),
                         ["text pong anyone", "end 1000 clean "])

    def test_pings(self):
        # The pongs are taken by the library; what matters is that they do no harm.
        self.assertEqual(self.client("/echo", "ping:", "ping:hello", "pong:unasked", "text:x", "recv", "close"),
                         ["text x", "end 1000 clean "])

    def test_client_closes(self):
        for code, reason in ((1000, ""), (1001, "away"), (3000, "registered"), (4999, "ü" * 61)):
            self.assertEqual(self.client("/echo", f"close:{code}:{reason}"), [f"end {code} clean {reason}"])
            while (closed := self.server.line("closed ")) != f"{code} {reason}":
                self.assertNotIn(str(code), closed)

    def test_server_closes(self):
        for code, reason in ((1000, ""), (1001, "away"), (1011, "broken"), (4000, "own")):
            self.assertEqual(self.client(f"/close?code={code}&reason={reason}", "drain"),
                             [f"end {code} clean {reason}"])
            self.assertEqual(self.client(f"/close-on-message?code={code}&reason={reason}", "text:x", "drain"),
                             [f"end {code} clean {reason}"])

    def test_server_drops(self):
        self.assertEqual(self.client("/drop", "drain")[0], "end 1006 unclean ")

    def test_closing_is_told(self):
        code, _, complaints = run(echo_client, "--url", self.url + "/close-on-message?code=4001&reason=enough")
        self.assertEqual(code, 1)
        self.assertIn('(code 4001, "enough")', complaints)

    def test_subprotocol_and_headers(self):
        code, seen, _ = run(test_client, self.url + "/echo", "protocol:chat.v3", "protocol:chat.v2",
                            "header:X-Test:one two", "close")
        self.assertEqual((code, seen), (0, "protocol chat.v2\nheader one two\nend 1000 clean \n"))
        code, seen, _ = run(test_client, self.url + "/echo", "close")
        self.assertEqual((code, seen), (0, "protocol none\nheader none\nend 1000 clean \n"))

    def test_refused(self):
        code, seen, _ = run(test_client, self.url + "/refuse")
        self.assertEqual((code, seen), (1, "refused 403 members only\n"))
        code, _, complaints = run(echo_client, "--url", self.url + "/refuse")
        self.assertEqual((code, complaints),
                         (1, f"echo_client: {self.url}/refuse refused with 403 Forbidden:\nmembers only\n"))


main("test_client", "echo_client", "*server")
