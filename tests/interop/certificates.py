"""Certificates for the tests, made by the openssl command."""

import os
import pathlib
import subprocess
import tempfile


class Certificates:
    """An authority (`ca`) and a server for localhost and its addresses (`cert`, `key`), as PEM files."""

    def __init__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="wolframite-")
        self.directory = pathlib.Path(self._directory.name)
        self.ca, self.cert, self.key = (str(self.directory / name) for name in ("ca.pem", "cert.pem", "key.pem"))
        ca_key = str(self.directory / "ca-key.pem")
        new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
        self._openssl("req", "-x509", *new_key, "-subj", "/CN=authority of the tests", "-keyout", ca_key,
                      "-out", self.ca, "-addext", "keyUsage=critical,keyCertSign")
        self._openssl("req", "-x509", *new_key, "-subj", "/CN=server of the tests", "-keyout", self.key,
                      "-out", self.cert, "-CA", self.ca, "-CAkey", ca_key,
                      "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth",
                      "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1")

    @staticmethod
    def _openssl(*arguments):
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"openssl {arguments[0]}: {done.stderr}")

    def remove(self):
        """Deletes the files now, and not at the end of the program."""
        self._directory.cleanup()

    def trust(self):
        """Has this process and those it starts trust the authority, ours, Python's, curl's and Node's alike."""
        os.environ["SSL_CERT_FILE"] = os.environ["NODE_EXTRA_CA_CERTS"] = self.ca

    def server_arguments(self):
        return ["--cert", self.cert, "--key", self.key]
