"""The examples do what they say. Arguments: the folder with them, then the test cases to run."""

import os
import re
import signal
import socket
import subprocess
import unittest

from certificates import Certificates
from harness import Program, main, run


def example(name):
    return os.path.join(examples, name)


class Client(Program):
    """A wsclient that can be typed at."""

    def __init__(self, *arguments, **options):
        super().__init__(example("wsclient"), *arguments, stdin=subprocess.PIPE, **options)

    def type(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hang_up(self):
        """Ends the input, and returns the exit status."""
        self.process.stdin.close()
        return self.wait()


class Chat(unittest.TestCase):
    def test_what_one_says_all_read(self):
        with Program(example("chat_server"), "--port", "0") as server:
            url = server.url()
            ada = self.enterContext(Client(url))
            self.assertEqual(ada.line(), "guest 1 joined, 1 here")
            with Client(url, "--deflate") as bob:
                self.assertEqual(ada.line(), "guest 2 joined, 2 here")
                self.assertEqual(bob.line(), "guest 2 joined, 2 here")
                ada.type("/name Ada")
                for client in (ada, bob):
                    self.assertEqual(client.line(), "guest 1 is now Ada")
                bob.type("Grüße")
                for client in (ada, bob):
                    self.assertEqual(client.line(), "guest 2: Grüße")
                self.assertEqual(bob.hang_up(), 0)
                self.assertEqual(ada.line(), "guest 2 left")
                server.signal()
                self.assertEqual(ada.wait(), 0)
                self.assertIn("closed with 1001, the room closes\n", ada.complaints)
                ada.complaints.clear()
                bob.complaints.clear()
                self.assertEqual(server.wait(), 0)

    def test_it_serves_its_page(self):
        with Program(example("chat_server"), "--port", "0") as server:
            address = server.url().replace("ws://", "http://")
            status, page, _ = run("curl", "-s", "--fail", address + "/")
            self.assertEqual(status, 0)
            self.assertIn("Wolframite chat", page)
            self.assertEqual(run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", address + "/other")[1], "404")


class Wsclient(unittest.TestCase):
    def test_exit_statuses(self):
        self.assertEqual(run(example("wsclient"))[0], 2)
        self.assertEqual(run(example("wsclient"), "http://127.0.0.1/")[0], 2)
        self.assertEqual(run(example("wsclient"), "--help")[0], 0)
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        status, _, complaint = run(example("wsclient"), f"ws://127.0.0.1:{port}/")
        self.assertEqual((status, "refused" in complaint), (3, True))
        with Program(example("echo_server"), "--port", "0", "--allow-origin", "https://here") as server:
            url = server.url()
            status, _, complaint = run(example("wsclient"), url, "-H", "Origin: https://there")
            self.assertEqual(status, 4)
            self.assertIn("HTTP 403", complaint)
            self.assertIn("Origin https://there is not allowed here", complaint)
            status, output, _ = run(example("wsclient"), "-q", url, "-H", "Origin: https://here", "-s", "echo", text="x\n")
            self.assertEqual((status, output), (0, "x\n"))
        with Client("--listen", "0", "--one") as server:
            url = self.url_of(server)
            with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))) as rude:
                rude.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n")
                self.assertIn(b"101", rude.recv(4096))
            self.assertEqual(server.wait(), 5)
            self.assertTrue(any("lost" in line for line in server.complaints))
            server.complaints.clear()
            server.ends_with = 5

    def url_of(self, listening):
        """wsclient keeps its standard output for messages."""
        while True:
            found = [line for line in listening.complaints if line.startswith("listening on ")]
            if found:
                return found[0].split()[-1]
            listening.readers[1].join(0.01)

    def test_listening_and_connecting(self):
        with Client("--listen", "0", "--one") as server:
            with Client(self.url_of(server)) as client:
                client.type("there")
                self.assertEqual(server.line(), "there")
                server.type("and back")
                self.assertEqual(client.line(), "and back")
                self.assertEqual(client.hang_up(), 0)
                client.complaints.clear()
            self.assertEqual(server.wait(), 0)
            server.complaints.clear()

    def test_binary_messages(self):
        with Program(example("echo_server"), "--port", "0") as server:
            status, output, _ = run(example("wsclient"), "-q", "--binary", server.url(), text="\x01\x02\n\n\x03")
            self.assertEqual((status, output), (0, "\x01\x02\n\n\x03"))

    def test_a_long_line_is_sent_in_binary_pieces(self):
        with Program(example("echo_server"), "--port", "0") as server:
            text = "x" * 150_000 + "\ny"
            status, output, trace = run(example("wsclient"), "--trace", "--binary", server.url(), text=text)
            self.assertEqual((status, output), (0, text))
            self.assertEqual(len(re.findall("> binary", trace)), 4)

    def test_passwords_are_not_printed(self):
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        for url in (f"ws://grace:secret@127.0.0.1:{port}/", "ws://grace:secret@/", "http://grace:secret@127.0.0.1/",
                    "ws://grace:sec/secret@127.0.0.1/#", "grace:secret@127.0.0.1"):
            for program, *before in ((example("wsclient"),), (example("echo_client"), "--url")):
                with self.subTest(program=program, url=url):
                    status, output, complaint = run(program, *before, url)
                    self.assertNotEqual(status, 0)
                    self.assertNotEqual(complaint, "")
                    self.assertNotIn("secret", output + complaint)
                    self.assertNotIn("grace", output + complaint)

    def test_trace(self):
        with Program(example("echo_server"), "--port", "0", "--deflate") as server:
            _, _, trace = run(example("wsclient"), "--trace", "--deflate", server.url(), text="hello\n" + "ha" * 100 + "\n")
            lines = [re.sub(r"^ +[0-9.]+ ", "", line) for line in trace.splitlines()]
            self.assertIn("  Sec-WebSocket-Extensions: permessage-deflate", trace)
            self.assertIn('> text 11, compressed', [re.sub(r"\d+, c", "11, c", line) for line in lines])
            self.assertIn('  message "hello"', lines)
            self.assertIn("> close 2", lines)
            self.assertIn('  close 1000 ""', lines)

    def test_tls(self):
        certificates = Certificates()
        self.addCleanup(certificates.remove)
        with Program(example("echo_server"), "--port", "0", *certificates.server_arguments()) as server:
            url = server.url().replace("127.0.0.1", "localhost")
            status, _, complaint = run(example("wsclient"), url)
            self.assertEqual((status, "certificate" in complaint), (3, True))
            self.assertEqual(run(example("wsclient"), "-q", "-k", url, text="x\n")[:2], (0, "x\n"))
            self.assertEqual(run(example("wsclient"), "-q", "--ca", certificates.ca, url, text="x\n")[:2], (0, "x\n"))


class Reconnect(unittest.TestCase):
    def test_it_comes_back_after_each_end(self):
        with Program(example("echo_server"), "--port", "0") as server:
            url = server.url()
            client = self.enterContext(
                Program(example("reconnect"), "--url", url, "--hello", "hi", "--first-delay", "5"))
            client.line("connected")
            self.assertEqual(client.line(), "hi")
        client.line("disconnected: closed by the server (1001)")
        client.line("next try in ")
        client.line("cannot connect: ")
        with Program(example("echo_server"), "--port", url.rsplit(":", 1)[1]):
            client.line("connected")
            self.assertEqual(client.line(), "hi")

    def test_it_gives_up_where_it_is_not_wanted(self):
        with Program(example("chat_server"), "--port", "0") as server:
            # A page, and not a room.
            status, output, _ = run(example("reconnect"), "--url", server.url() + "/nowhere", "--first-delay", "1")
            self.assertEqual(status, 1)
            self.assertIn("cannot connect: ", output)


class Threads(unittest.TestCase):
    def test_connections_are_served_and_drained(self):
        with Program(example("threads"), "--port", "0", "--threads", "3") as server:
            url = server.url()
            clients = [self.enterContext(Client(url)) for _ in range(12)]
            for client in clients:
                client.type("x")
            for client in clients:
                self.assertEqual(client.line(), "x")
            server.signal()
            for client in clients:
                self.assertEqual(client.wait(), 0)
                self.assertIn("closed with 1001\n", client.complaints)
                client.complaints.clear()
            served = sum(int(server.line("a worker served ").split()[0]) for _ in range(3))
            self.assertEqual(served, 12)


class EmbedLibuv(unittest.TestCase):
    def test_echo(self):
        if not os.path.exists(example("embed_libuv")):
            self.skipTest("built without libuv")
        with Program(example("embed_libuv"), ends_with=-signal.SIGTERM) as server:
            url = server.url()
            status, output, complaint = run(example("echo_client"), "--url", url)
            self.assertEqual(status, 0, complaint)
            self.assertTrue(output.endswith("closed\n"))
            address = url.replace("ws://", "http://")
            self.assertEqual(run("curl", "-s", address)[1], "alive\n")


main("examples")
