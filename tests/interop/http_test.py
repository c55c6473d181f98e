"""echo_server and embed_poll answer plain HTTP, and refuse upgrades completely. Arguments: the two programs."""

import contextlib
import http.client
import socket
import unittest
import urllib.parse

from harness import TIMEOUT, Program, main

UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Key": "d29sZnJhbWl0ZS0xMjM0NQ=="}


class Http(unittest.TestCase):
    def get(self, headers=None, method="GET"):
        """Returns the response and its body. http.client notices a body that is cut or too long."""
        address = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=TIMEOUT)
        with contextlib.closing(connection):
            connection.request(method, "/", headers=headers or {})
            response = connection.getresponse()
            return response, response.read()

    def test_echo_server(self):
        with Program(echo_server, "--port", "0") as server:
            self.url = server.url()
            self.check_health(b"ok\n")
            self.check_refusals()

    def test_sec_30_origins_that_are_not_allowed(self):
        with Program(echo_server, "--port", "0", "--allow-origin", "https://example.org") as server:
            self.url = server.url()
            response, body = self.get({**UPGRADE, "Origin": "https://elsewhere.example"})
            self.assertEqual((response.status, response.reason), (403, "Forbidden"))
            self.assertEqual(body, b"Origin https://elsewhere.example is not allowed here.\n")
            self.assertEqual(response.headers["Connection"], "close")
            response, _ = self.get({**UPGRADE, "Origin": "https://example.org"})
            self.assertEqual(response.status, 101)

    def test_embed_poll(self):
        with Program(embed_poll, ends_with=None) as server:
            self.url = server.url()
            self.check_health(b"alive\n")
            self.check_refusals()

    def check_health(self, expected):
        for _ in range(3):
            response, body = self.get()
            self.assertEqual((response.status, response.reason, body), (200, "OK", expected))
            self.assertEqual(response.headers["Content-Length"], str(len(expected)))

    def check_refusals(self):
        response, _ = self.get({**UPGRADE, "Sec-WebSocket-Version": "8"})
        self.assertEqual((response.status, response.headers["Sec-WebSocket-Version"]), (426, "13"))
        response, _ = self.get({**UPGRADE, "Sec-WebSocket-Key": "short"})
        self.assertEqual(response.status, 400)
        response, _ = self.get(UPGRADE, method="POST")
        self.assertEqual(response.status, 405)
        address = urllib.parse.urlsplit(self.url)
        with socket.create_connection((address.hostname, address.port), TIMEOUT) as sock:
            sock.sendall(b"this is not HTTP\r\n\r\n")
            answer = b""
            while part := sock.recv(4096):
                answer += part
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 Bad Request\r\n"), answer)


main("echo_server", "embed_poll")
