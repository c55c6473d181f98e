"""How echo_server and echo_client take their arguments, signals and limits. Arguments: the two programs."""

import contextlib
import signal
import socket
import unittest
import urllib.parse

from conformance.peer import Peer
from conformance.wire import BINARY, TEXT, open_as_client
from harness import TIMEOUT, Program, main, run


class Programs(unittest.TestCase):
    @contextlib.contextmanager
    def connected(self, url):
        address = urllib.parse.urlsplit(url)
        with socket.create_connection((address.hostname, address.port), TIMEOUT) as sock:
            yield Peer(sock, True, TIMEOUT, open_as_client(sock, url))

    def expect_complaint(self, status, complaint, *command):
        code, _, complaints = run(*command)
        self.assertEqual(code, status, complaints)
        self.assertIn(complaint, complaints)

    def test_help(self):
        for program in (echo_server, echo_client):
            code, text, complaints = run(program, "--help")
            self.assertEqual((code, complaints), (0, ""))
            self.assertIn("usage:", text)

    def test_wrong_arguments(self):
        self.expect_complaint(2, "unknown argument --prot", echo_server, "--prot", "1")
        self.expect_complaint(2, "unknown argument 9001", echo_server, "9001")
        self.expect_complaint(2, "--port needs a value", echo_server, "--port")
        for port in ("x", "-1", "65536", "80x"):
            self.expect_complaint(2, f'--port needs a number in range, not "{port}"', echo_server, "--port", port)
        self.expect_complaint(2, "--max-message-size must be above 0", echo_server, "--max-message-size", "0")
        self.expect_complaint(2, "--url is missing", echo_client)
        self.expect_complaint(2, "http://127.0.0.1/:", echo_client, "--url", "http://127.0.0.1/")
        self.expect_complaint(2, "--bench takes a number", echo_client, "--url", "ws://127.0.0.1", "--bench", "fast")
        for bits in ("7", "16"):
            self.expect_complaint(2, "--window-bits must be 8 to 15", echo_server, "--window-bits", bits)

    def test_what_is_not_there_yet(self):
        self.expect_complaint(2, "is not part of this version", echo_server, "--adapter", "kqueue")
        self.expect_complaint(2, "is not part of this version", echo_client, "--url", "ws://127.0.0.1",
                              "--adapter", "kqueue")

    def test_certificates_that_cannot_be_used(self):
        self.expect_complaint(2, "--cert and --key go together", echo_server, "--cert", "c.pem")
        self.expect_complaint(2, "--cert and --key go together", echo_server, "--key", "k.pem")
        self.expect_complaint(2, "cannot use the certificate: ", echo_server, "--cert", "none.pem", "--key", "none.pem")
        self.expect_complaint(2, "none.pem: ", echo_client, "--url", "wss://127.0.0.1", "--ca", "none.pem")

    def test_port_in_use(self):
        with Program(echo_server, "--port", "0") as server:
            port = urllib.parse.urlsplit(server.url()).port
            self.expect_complaint(1, f"cannot listen on 127.0.0.1, port {port}", echo_server, "--port", port)

    def test_nobody_listens(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"ws://127.0.0.1:{unused.getsockname()[1]}"
            self.expect_complaint(1, f"cannot connect to {url}/: Connection refused", echo_client, "--url", url)

    def test_not_a_websocket_server(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(TIMEOUT)
            url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
            client = Program(echo_client, "--url", url, ends_with=1)
            with client, listener.accept()[0] as sock:
                sock.recv(4096)
                sock.sendall(b"SSH-2.0-nonsense\r\n\r\n")
                self.assertEqual(client.wait(), 1)
            self.assertIn(f"cannot connect to {url}", "".join(client.complaints))

    def test_both_ends_are_ours(self):
        with Program(echo_server, "--host", "localhost", "--port", "0") as server:
            code, seen, complaints = run(echo_client, "--url", server.url())
            self.assertEqual((code, complaints), (0, ""), seen)

    def test_compression_between_both(self):
        if "built without compression" in run(echo_server, "--deflate", "--port", "none")[2]:
            self.skipTest("built without compression")
        for server_bits, client_bits, *forget in (("15", "15"), ("8", "15"), ("15", "9"), ("9", "8"),
                                                  ("12", "10", "--no-context-takeover")):
            with Program(echo_server, "--port", "0", "--deflate", "--window-bits", server_bits, *forget) as server:
                code, seen, complaints = run(echo_client, "--url", server.url(), "--deflate", "--window-bits",
                                             client_bits)
                self.assertEqual((code, complaints), (0, ""), seen)

    def test_ipv6(self):
        with Program(echo_server, "--host", "::1", "--port", "0") as server:
            url = server.url()
            self.assertTrue(url.startswith("ws://[::1]:"), url)
            self.assertEqual(run(echo_client, "--url", url, text="six\n")[:2], (0, 'echoed "six"\nclosed\n'))

    def test_message_size_limit(self):
        with Program(echo_server, "--port", "0", "--max-message-size", "1000") as server:
            url = server.url()
            for opcode in (TEXT, BINARY):
                with self.connected(url) as peer:
                    peer.send(peer.frame(opcode, b"x" * 1000))
                    peer.expect(opcode, b"x" * 1000)
                    peer.send(peer.frame(opcode, b"x" * 1001))
                    peer.expect_failure(1009)
                with self.connected(url) as peer:
                    peer.send(peer.frame(opcode, b"x" * 600, fin=False), peer.frame(0, b"x" * 401))
                    peer.expect_failure(1009)
            with self.connected(url) as peer:
                # The header alone is enough to tell.
                peer.send(peer.frame(BINARY, b"x" * 1001)[:8])
                peer.expect_failure_inside_frame(1009)

    def test_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.ExitStack() as stack:
                server = stack.enter_context(Program(echo_server, "--port", "0"))
                url = server.url()
                peers = [stack.enter_context(self.connected(url)) for _ in range(5)]
                for peer in peers:
                    peer.send(peer.frame(TEXT, b"open"))
                    peer.expect(TEXT, b"open")
                address = urllib.parse.urlsplit(url)
                # One whose handshake is not done must not hold the end up.
                stack.enter_context(socket.create_connection((address.hostname, address.port), TIMEOUT))
                server.signal(number)
                for peer in peers:
                    peer.expect_failure(1001)
                    peer.sock.close()
                self.assertEqual(server.wait(), 0)
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection((address.hostname, address.port), TIMEOUT)


main("echo_server", "echo_client")
