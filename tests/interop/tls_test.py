"""wss:// and the programs of the world: openssl, curl and nginx. Arguments: echo_server, echo_client."""

import subprocess
import unittest
import urllib.parse

from certificates import Certificates
from conformance.wire import accept_key
from harness import TIMEOUT, Program, main, run
from proxies import nginx

REQUEST = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.certificates = Certificates()
        cls.certificates.trust()
        cls.server = cls.enterClassContext(Program(echo_server, "--port", "0", *cls.certificates.server_arguments()))
        url = urllib.parse.urlsplit(cls.server.url())
        assert url.scheme == "wss"
        cls.port = url.port
        cls.address = f"localhost:{cls.port}"

    def expect_echo(self, url):
        code, seen, complaints = run(echo_client, "--url", url)
        self.assertEqual((code, complaints), (0, ""), seen)
        self.assertIn("echoed binary of 1048576 octets", seen)

    def s_client(self, *arguments):
        return run("openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-ign_eof", *arguments, text=REQUEST)

    def test_s_client(self):
        for version, shown in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
            code, seen, _ = self.s_client(version, "-CAfile", self.certificates.ca, "-verify_return_error",
                                          "-verify_hostname", "localhost", "-servername", "localhost",
                                          "-alpn", "h2,http/1.1")
            self.assertEqual(code, 0, seen)
            self.assertIn("HTTP/1.1 200 OK", seen)
            self.assertIn("ALPN protocol: http/1.1", seen)
            self.assertIn(f"New, {shown}, Cipher is ", seen)
            self.assertIn("Secure Renegotiation IS " + ("supported" if version == "-tls1_2" else "NOT supported"), seen)

    def test_s_client_with_what_is_refused(self):
        for arguments, alert in ((("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"), "alert protocol version"),
                                 (("-alpn", "h2"), "no application protocol")):
            code, seen, complaints = self.s_client(*arguments)
            self.assertNotEqual(code, 0)
            self.assertNotIn("HTTP/1.1", seen)
            self.assertIn(alert, complaints)

    def test_s_server(self):
        for version in ("-tls1_2", "-tls1_3"):
            with subprocess.Popen(["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", self.certificates.cert,
                                   "-key", self.certificates.key, "-naccept", "1", version],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
                try:
                    line = b""
                    while not line.startswith(b"ACCEPT "):
                        line = server.stdout.readline()
                        self.assertTrue(line, "openssl s_server has ended")
                    port = int(line.rsplit(b":", 1)[1])
                    client = subprocess.Popen([echo_client, "--url", f"wss://localhost:{port}"], text=True,
                                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                    client.stdin.write("hello\n")
                    client.stdin.close()
                    self.talk(server)
                    self.assertEqual(client.stdout.read(), 'echoed "hello"\nclosed\n')
                    client.stdout.close()
                    self.assertEqual(client.wait(TIMEOUT), 0)
                finally:
                    server.kill()

    @staticmethod
    def talk(server):
        """Plays a WebSocket server that sends one message back, through openssl's streams."""
        key = None
        while True:
            line = server.stdout.readline()
            if line.lower().startswith(b"sec-websocket-key: "):
                key = line.split(b": ", 1)[1].strip()
            if line == b"\r\n" and key:
                break
        server.stdin.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           b"Sec-WebSocket-Accept: " + accept_key(key) + b"\r\n\r\n")
        server.stdin.flush()
        for opcode in (0x81, 0x88):
            # Session tickets and the like are printed in between.
            while server.stdout.read(1) != bytes([opcode]):
                pass
            size = server.stdout.read(1)[0] & 0x7F
            mask = server.stdout.read(4)
            payload = bytes(octet ^ mask[i % 4] for i, octet in enumerate(server.stdout.read(size)))
            server.stdin.write(bytes([opcode, size]) + payload)
            server.stdin.flush()
        server.stdin.close()

    def test_curl(self):
        url = f"https://{self.address}/health"
        trusting = ("curl", "-sS", "--noproxy", "*", "--max-time", TIMEOUT)
        for version in ("1.2", "1.3"):
            self.assertEqual(run(*trusting, "--tls-max", version, "--cacert", self.certificates.ca, "-w",
                                 " %{http_code} %{ssl_verify_result}", url), (0, "ok\n 200 0", ""))
        code, seen, _ = run("env", "-u", "SSL_CERT_FILE", *trusting, url)
        self.assertEqual((code, seen), (60, ""))  # it cannot know the authority
        code, seen, complaints = run(*trusting, f"http://{self.address}/health")
        self.assertNotEqual(code, 0)
        self.assertEqual(seen, "")

    def test_both_ends_are_ours(self):
        self.expect_echo(f"wss://{self.address}")
        self.expect_echo(f"wss://127.0.0.1:{self.port}")
        code, _, complaints = run("env", "-u", "SSL_CERT_FILE", echo_client, "--ca", self.certificates.ca, "--url",
                                  f"wss://{self.address}")
        self.assertEqual((code, complaints), (0, ""))

    def test_whom_echo_client_does_not_trust(self):
        code, seen, complaints = run("env", "-u", "SSL_CERT_FILE", echo_client, "--url", f"wss://{self.address}")
        self.assertEqual((code, seen), (1, ""))
        self.assertIn("authority", complaints)
        with Program(echo_server, "--host", "127.0.0.2", "--port", "0", *self.certificates.server_arguments()) as other:
            url = other.url()
            code, seen, complaints = run(echo_client, "--url", url)
            self.assertEqual((code, seen), (1, ""))
            self.assertIn(f"cannot connect to {url}/: ", complaints)

    def test_nginx_in_front(self):
        with Program(echo_server, "--port", "0") as server:
            address = urllib.parse.urlsplit(server.url()).netloc
            listen = f"ssl; ssl_certificate {self.certificates.cert}; ssl_certificate_key {self.certificates.key};"
            with nginx(self.certificates.directory, listen, f"proxy_pass http://{address};") as proxy:
                self.expect_echo(f"wss://{proxy}")
                self.expect_curl(f"https://{proxy}/health")

    def test_nginx_with_tls_upstream(self):
        upstream = (f"proxy_pass https://127.0.0.1:{self.port}; proxy_ssl_verify on; proxy_ssl_name localhost;"
                    f"proxy_ssl_server_name on; proxy_ssl_trusted_certificate {self.certificates.ca};"
                    "proxy_ssl_protocols TLSv1.2 TLSv1.3;")
        with nginx(self.certificates.directory, ";", upstream) as proxy:
            self.expect_echo(f"ws://{proxy}")
            self.expect_curl(f"http://{proxy}/health")

    def expect_curl(self, url):
        self.assertEqual(run("curl", "-sS", "--noproxy", "*", "--max-time", TIMEOUT, "--cacert", self.certificates.ca,
                             url), (0, "ok\n", ""))


main("echo_server", "echo_client")
