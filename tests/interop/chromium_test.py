"""Headless Chromium talks to a compressing echo_server. Arguments: echo_server, chromium."""

import http.server
import json
import queue
import subprocess
import tempfile
import threading
import unittest

from harness import TIMEOUT, Program, main

PAGE = """<!doctype html><title>echo</title><script>
const text = 'wolframite, an ore of tungsten – '.repeat(3000);
const octets = Uint8Array.from({ length: 200000 }, (_, i) => i * i >> 3);
const messages = ['', 'x', text, octets.buffer, text, new ArrayBuffer(0)];

function same(a, b) {
  if (typeof a === 'string' || typeof b === 'string') return a === b;
  const [left, right] = [new Uint8Array(a), new Uint8Array(b)];
  return left.length === right.length && left.every((octet, i) => octet === right[i]);
}

function echo(url) {
  return new Promise((resolve) => {
    const seen = { extensions: null, right: 0, code: null };
    const ws = new WebSocket(url);
    ws.binaryType = 'arraybuffer';
    ws.onopen = () => {
      seen.extensions = ws.extensions;
      for (const message of messages) ws.send(message);
    };
    let at = 0;
    ws.onmessage = ({ data }) => {
      seen.right += same(data, messages[at++]) ? 1 : 0;
      if (at === messages.length) ws.close(3000, 'done');
    };
    ws.onclose = ({ code }) => {
      seen.code = code;
      resolve(seen);
    };
  });
}

(async () => {
  const urls = JSON.parse(decodeURIComponent(location.hash.slice(1)));
  const report = [];
  for (const url of urls) report.push(await echo(url));
  await fetch('/report', { method: 'POST', body: JSON.stringify(report) });
})();
</script>"""


class Site(http.server.BaseHTTPRequestHandler):
    """Serves the page and takes its report."""

    def do_GET(self):
        self.answer(PAGE.encode())

    def do_POST(self):
        self.server.reports.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.answer(b"")

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Browser(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site))
        self.site.reports = queue.SimpleQueue()
        threading.Thread(target=self.site.serve_forever, daemon=True).start()
        self.addCleanup(self.site.shutdown)

    def report_of(self, urls):
        profile = self.enterContext(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        page = f"http://127.0.0.1:{self.site.server_port}/#{json.dumps(urls)}"
        browser = subprocess.Popen(
            [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage",
             "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
             f"--user-data-dir={profile}", "--remote-debugging-port=0", page],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return self.site.reports.get(timeout=TIMEOUT)
        finally:
            browser.terminate()
            browser.wait(TIMEOUT)

    def test_echo(self):
        settings = ((), ("--no-context-takeover",), ("--window-bits", "9"), ("--window-bits", "8"))
        servers = [self.enterContext(Program(echo_server, "--port", "0", "--deflate", *options))
                   for options in settings]
        report = self.report_of([server.url() for server in servers])
        self.assertEqual(len(report), len(settings))
        for options, seen in zip(settings, report):
            agreed = seen.pop("extensions").split("; ")
            self.assertEqual(seen, {"right": 6, "code": 3000}, options)
            self.assertEqual(agreed[0], "permessage-deflate")
            self.assertEqual("server_no_context_takeover" in agreed, "--no-context-takeover" in options)


main("echo_server", "chromium")
