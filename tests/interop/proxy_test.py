"""nginx and HAProxy in front of our server. Arguments: the folder with the examples."""

import os
import pathlib
import unittest
import urllib.parse

from certificates import Certificates
from harness import TIMEOUT, Program, main, run
from proxies import haproxy, nginx


def example(name):
    return os.path.join(examples, name)


class Proxies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.certificates = Certificates()
        cls.addClassCleanup(cls.certificates.remove)
        cls.certificates.trust()
        cls.directory = cls.certificates.directory
        cls.both = cls.directory / "both.pem"
        cls.both.write_text(pathlib.Path(cls.certificates.cert).read_text() + pathlib.Path(cls.certificates.key).read_text())
        cls.plain = cls.address(cls.enterClassContext(Program(example("echo_server"), "--port", "0")))
        cls.tls = cls.address(cls.enterClassContext(
            Program(example("echo_server"), "--port", "0", *cls.certificates.server_arguments())))

    @staticmethod
    def address(server):
        return urllib.parse.urlsplit(server.url()).netloc

    def expect_echo(self, url):
        status, seen, complaints = run(example("echo_client"), "--url", url)
        self.assertEqual((status, complaints), (0, ""))
        self.assertTrue(seen.endswith("closed\n"))
        health = url.replace("ws", "http", 1)
        self.assertEqual(run("curl", "-sS", "--noproxy", "*", "--max-time", TIMEOUT, "--cacert", self.certificates.ca, health),
                         (0, "ok\n", ""))

    def test_haproxy(self):
        with haproxy(self.directory, "", self.plain) as proxy:
            self.expect_echo(f"ws://{proxy}")

    def test_haproxy_with_tls_on_both_sides(self):
        server = f"{self.tls} ssl verify required verifyhost localhost sni str(localhost) ca-file {self.certificates.ca}"
        with haproxy(self.directory, f"ssl crt {self.both}", server) as proxy:
            self.expect_echo(f"wss://{proxy}")

    def expect_life(self, url):
        """The proxy gives up a connection on which nothing moves for two seconds. One with pings outlives that."""
        # One stream for messages and the trace, in the order in which they come.
        command = ("sh", "-c", 'exec "$0" "$@" 2>&1', example("wsclient"), url)
        reading, writing = os.pipe()
        with os.fdopen(reading) as silence, os.fdopen(writing, "w") as typing:
            with Program(*command, "--trace", "--ping", "1", stdin=silence, ends_with=None) as alive, \
                    Program(*command, stdin=silence, ends_with=None) as idle:
                idle.line("connected")
                idle.line("lost")
                self.assertEqual(idle.wait(), 5)
                for _ in range(2):
                    alive.line_with("< pong")
                typing.write("still there\n")
                typing.flush()
                self.assertIn("still there", alive.line_with("message"))

    def test_pings_outlive_the_time_out_of_haproxy(self):
        with haproxy(self.directory, "", self.plain, timeout="2s") as proxy:
            self.expect_life(f"ws://{proxy}")

    def test_pings_outlive_the_time_out_of_nginx(self):
        with nginx(self.directory, ";", f"proxy_pass http://{self.plain}; proxy_read_timeout 2s;") as proxy:
            self.expect_life(f"ws://{proxy}")


main("examples")
