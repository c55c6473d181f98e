"""A client that is not ours talks to echo_server. Arguments: echo_server, the client's command."""

import subprocess
import unittest

from harness import TIMEOUT, Program, main, server_arguments


class Clients(unittest.TestCase):
    def test_client(self):
        with Program(echo_server, "--port", "0", "--allow-origin", "https://example.org",
                     *server_arguments()) as server:
            subprocess.run([*client, server.url()], check=True, timeout=TIMEOUT)


main("echo_server", "*client")
