"""Headless Chromium is in the chat. Arguments: the folder with the examples, node, chromium."""

import os
import pathlib
import tempfile
import unittest

from certificates import Certificates
from harness import Program, main, run

PAGE = pathlib.Path(__file__).parent / "peers" / "chat_page.mjs"


class ChatPage(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))

    def talk(self, url_of, *arguments, **options):
        screenshot = os.environ.get("WOLFRAMITE_SCREENSHOT") or self.scratch / "chat.png"
        with Program(os.path.join(examples, "chat_server"), "--port", "0", *arguments) as server:
            with Program(node, PAGE, chromium, url_of(server.url()), screenshot, **options) as page:
                state = page.line("seen state ")
                for what in ("text", "binary", "all"):
                    page.line(f"seen {what}")
                self.assertGreater(pathlib.Path(screenshot).stat().st_size, 5000)
                server.signal()
                self.assertEqual(page.line("seen state "), "disconnected (1001, the room closes)")
                self.assertEqual(page.wait(), 0)
            self.assertEqual(server.wait(), 0)
        return state

    def test_plain(self):
        state = self.talk(lambda url: url.replace("ws://", "http://") + "/")
        self.assertIn(state, ("connected, compressed", "connected"))

    def test_tls_with_an_authority_of_its_own(self):
        certificates = Certificates()
        self.addCleanup(certificates.remove)
        # Chromium trusts whom the database in the home directory names.
        database = self.scratch / ".pki" / "nssdb"
        database.mkdir(parents=True)
        for arguments in (("-N", "--empty-password"), ("-A", "-n", "test", "-t", "C,,", "-i", certificates.ca)):
            status, _, complaint = run("certutil", "-d", f"sql:{database}", *arguments)
            self.assertEqual(status, 0, complaint)
        state = self.talk(lambda url: url.replace("wss://127.0.0.1", "https://localhost") + "/",
                          *certificates.server_arguments(), env={**os.environ, "HOME": str(self.scratch)})
        self.assertTrue(state.startswith("connected"))


main("examples", "node", "chromium")
