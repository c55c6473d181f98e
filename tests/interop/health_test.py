"""HAProxy's health checks over HTTP, in all their forms, find our server alive. Argument: echo_server."""

import csv
import os
import pathlib
import socket
import tempfile
import time
import unittest
import urllib.parse

from harness import TIMEOUT, Program, main
from proxies import program

# What `option httpchk` sends: `OPTIONS / HTTP/1.0` and no Host, unless it is told otherwise.
CHECKS = {
    "default": "option httpchk",
    "get": "option httpchk GET /",
    "head": "option httpchk HEAD /",
    "get_http_1_1": "option httpchk\n  http-check send meth GET uri / ver HTTP/1.1 hdr Host example.org",
    "head_http_1_1": "option httpchk\n  http-check send meth HEAD uri / ver HTTP/1.1 hdr Host example.org",
    "options_http_1_1": "option httpchk\n  http-check send meth OPTIONS uri * ver HTTP/1.1 hdr Host example.org",
}


class Health(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        server = cls.enterClassContext(Program(echo_server, "--port", "0"))
        cls.server = urllib.parse.urlsplit(server.url()).netloc
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))

    def row(self):
        """What HAProxy says of the server that it checks."""
        with socket.socket(socket.AF_UNIX) as stats:
            stats.settimeout(TIMEOUT)
            stats.connect(str(self.directory / "stats"))
            stats.sendall(b"show stat\n")
            with stats.makefile() as answer:
                rows = csv.DictReader(answer)
                return next(row for row in rows if row["svname"] == "ours")

    def check(self, options):
        """Runs HAProxy with these checks until it knows whether the server lives, and gives what it says."""
        stats = self.directory / "stats"
        config = self.directory / "haproxy.cfg"
        with socket.socket(socket.AF_UNIX) as listener, socket.create_server(("127.0.0.1", 0)) as front:
            # Listening already, so that nobody has to wait for it.
            stats.unlink(missing_ok=True)
            listener.bind(str(stats))
            listener.listen()
            config.write_text(f"""global
  stats socket fd@{listener.fileno()} level user
defaults
  mode http
  timeout connect 60s
  timeout client 60s
  timeout server 60s
  timeout check 60s
frontend front
  bind fd@{front.fileno()}
  default_backend back
backend back
  {options}
  server ours {self.server} check inter 100 fall 1 rise 1
""")
            for one in (listener, front):
                os.set_inheritable(one.fileno(), True)
            with Program(program("haproxy"), "-db", "-f", config, ends_with=None,
                         pass_fds=[listener.fileno(), front.fileno()]) as haproxy:
                deadline = time.monotonic() + TIMEOUT
                row = self.row()
                # Empty before the first check is done, and `* ` in front while another one runs.
                while not row["check_status"].startswith("L") and time.monotonic() < deadline:
                    row = self.row()
                haproxy.signal()
                haproxy.wait()
                haproxy.complaints = [line for line in haproxy.complaints if "ALERT" in line]
                return row

    def test_sec_41_each_form_of_health_check(self):
        for name, options in CHECKS.items():
            with self.subTest(name):
                row = self.check(options)
                self.assertEqual((row["status"], row["check_status"], row["check_code"]), ("UP", "L7OK", "200"), row)


main("echo_server")
