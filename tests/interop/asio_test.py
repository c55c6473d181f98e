"""The examples over Asio do what they say. Arguments: asio_echo_server, asio_client, asio_headers, asio_split and
echo_client."""

import unittest

from harness import Program, main, run


class Examples(unittest.TestCase):
    def test_client_and_echo_server(self):
        with Program(echo_server, "0") as server:
            status, text, complaints = run(client, server.url(), "hello", "Größe")
            self.assertEqual((status, complaints), (0, ""))
            self.assertEqual(text, "connected, 101 Switching Protocols\nhello\nGröße\n")

    def test_client_without_a_server(self):
        status, _, complaints = run(client, "ws://127.0.0.1:1/")
        self.assertEqual(status, 1)
        self.assertIn("refused", complaints)

    def test_split(self):
        with Program(echo_server, "0") as server:
            status, text, complaints = run(split, server.url(), "20000")
            self.assertEqual((status, complaints), (0, ""))
            self.assertEqual(text, "20000 numbers, sum 200010000\n")

    def test_headers(self):
        with Program(headers, "0") as server:
            url = server.url()
            status, _, complaints = run(client, url + "/door")
            self.assertEqual(status, 1)
            self.assertIn("refused the upgrade", complaints)
            self.assertEqual(server.line("asked for "), "/door")
            self.assertEqual(server.line("* "), "Host")

    def test_echo_client_over_asio(self):
        with Program(echo_server, "0") as server:
            url = server.url()
            status, text, complaints = run(checker, "--url", url, "--adapter", "asio", text="one\ntwo\n")
            self.assertEqual((status, complaints), (0, ""))
            self.assertEqual(text, 'echoed "one"\nechoed "two"\nclosed\n')
            status, text, complaints = run(checker, "--url", url, "--adapter", "asio", "--bench", "500")
            self.assertEqual((status, complaints), (0, ""))
            self.assertEqual(text.count("messages/s"), 2)


main("echo_server", "client", "headers", "split", "checker")
