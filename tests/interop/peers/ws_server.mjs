// npm's ws as a server for our clients. What it does depends on the path; see servers_test.py.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { WebSocketServer } from 'ws';

const period = Buffer.from(Array.from({ length: 89 }, (_, i) => 33 + i));
const pattern = (size) => Buffer.alloc(size, period);

const actions = {
  '/echo': (ws) => ws.on('message', (data, binary) => ws.send(data, { binary })),
  '/close': (ws, query) => ws.close(Number(query.get('code')), query.get('reason') ?? ''),
  '/close-on-message': (ws, query) => ws.on('message', () => actions['/close'](ws, query)),
  '/fragments': (ws, query) => {
    const data = pattern(Number(query.get('size')));
    const part = Number(query.get('part'));
    for (let at = 0; at < data.length; at += part) {
      ws.send(data.subarray(at, at + part), { fin: at + part >= data.length });
    }
  },
  '/ping': (ws, query) => {
    ws.on('pong', (data) => ws.send(`pong ${data}`));
    ws.ping(query.get('payload'));
  },
  '/drop': (ws) => ws.terminate(),
};

const { WOLFRAMITE_CERT: cert, WOLFRAMITE_KEY: key } = process.env;
const http = cert ? createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) }) : createServer();
const wss = new WebSocketServer({
  noServer: true,
  maxPayload: 64 << 20,
  handleProtocols: (offered) => (offered.has('chat.v2') ? 'chat.v2' : false),
});
wss.on('headers', (headers, request) => {
  const extra = request.headers['x-test'];
  if (extra !== undefined) headers.push(`X-Test: ${extra}`);
});
http.on('upgrade', (request, socket, head) => {
  const url = new URL(request.url, 'http://host');
  if (url.pathname === '/refuse') {
    const body = 'members only';
    socket.end(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
    return;
  }
  wss.handleUpgrade(request, socket, head, (ws) => {
    ws.on('error', () => {});
    ws.on('ping', (data) => console.log(`ping ${data}`));
    ws.on('pong', (data) => console.log(`pong ${data}`));
    ws.on('close', (code, reason) => console.log(`closed ${code} ${reason}`));
    actions[url.pathname](ws, url.searchParams);
  });
});
http.listen(0, '127.0.0.1', () => {
  console.log(`listening on ${cert ? 'wss' : 'ws'}://127.0.0.1:${http.address().port}`);
});
process.on('SIGTERM', () => process.exit(0));
