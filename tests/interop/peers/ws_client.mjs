// npm's ws as a client of echo_server, whose URL is the argument.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import WebSocket from 'ws';

const url = process.argv[2];
const sizes = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20, 16 << 20];
const period = Buffer.from(Array.from({ length: 89 }, (_, i) => 33 + i));
const pattern = (size) => Buffer.alloc(size, period);

async function connect(protocols = [], options = {}) {
  const ws = new WebSocket(url, protocols, options);
  const upgrade = once(ws, 'upgrade');
  await once(ws, 'open');
  ws.responseHeaders = (await upgrade)[0].headers;
  return ws;
}

async function finish(ws, code = 1000, reason = '') {
  const closed = once(ws, 'close');
  ws.close(code, reason);
  const [seenCode, seenReason] = await closed;
  assert.equal(seenCode, code);
  assert.equal(seenReason.toString(), reason);
}

async function expectEcho(ws, data) {
  const back = once(ws, 'message');
  ws.send(data);
  const [received, binary] = await back;
  assert.equal(binary, typeof data !== 'string');
  assert.ok(received.equals(Buffer.from(data)), `${data.length} came back changed`);
}

const tests = {
  async sizes() {
    const ws = await connect();
    for (const size of sizes) {
      await expectEcho(ws, pattern(size));
      await expectEcho(ws, pattern(size).toString('latin1'));
    }
    await finish(ws);
  },

  async 'text beyond ASCII'() {
    const ws = await connect();
    await expectEcho(ws, '½ Größe – 𝄞 \0 \uffff');
    await finish(ws);
  },

  async 'fragments with a ping between'() {
    const ws = await connect();
    const seen = [];
    ws.on('pong', (data) => seen.push(`pong ${data}`));
    ws.on('message', (data) => seen.push(`message ${data}`));
    ws.send('eins ', { fin: false });
    ws.ping('between');
    ws.send('', { fin: false });
    ws.send('zwei', { fin: true });
    await once(ws, 'message');
    assert.deepEqual(seen, ['pong between', 'message eins zwei']);
    await finish(ws);
  },

  async pings() {
    const ws = await connect();
    const payloads = ['', ...Array.from({ length: 10 }, (_, i) => `ping ${i}`), 'x'.repeat(125)];
    const seen = [];
    const all = new Promise((resolve) => {
      ws.on('pong', (data) => {
        seen.push(data.toString());
        if (seen.length === payloads.length) resolve();
      });
    });
    for (const payload of payloads) ws.ping(payload);
    await all;
    assert.deepEqual(seen, payloads);
    ws.pong('nobody asked');
    await expectEcho(ws, 'after an unasked pong');
    await finish(ws);
  },

  async 'close codes'() {
    for (const [code, reason] of [[1000, ''], [1001, 'away'], [3000, 'registered'], [4999, 'ü'.repeat(61)]]) {
      await finish(await connect(), code, reason);
    }
  },

  async 'subprotocol and headers'() {
    const ws = await connect(['soap', 'echo'], { headers: { 'X-Extra': '1', Authorization: 'Bearer x' } });
    assert.equal(ws.protocol, 'echo');
    assert.equal(ws.responseHeaders.server, 'wolframite');
    await finish(ws);
  },

  async 'refused origin, with a body'() {
    const ws = new WebSocket(url, { origin: 'https://elsewhere.example' });
    const [, response] = await once(ws, 'unexpected-response');
    assert.equal(response.statusCode, 403);
    let body = '';
    for await (const part of response) body += part;
    assert.equal(body, 'Origin https://elsewhere.example is not allowed here.\n');
  },

  async 'compression is declined'() {
    const ws = await connect([], { perMessageDeflate: true });
    assert.equal(ws.extensions, '');
    await expectEcho(ws, 'plain');
    await finish(ws);
  },

  async 'many at once'() {
    await Promise.all(Array.from({ length: 50 }, async (_, number) => {
      const ws = await connect();
      for (let turn = 0; turn < 20; ++turn) await expectEcho(ws, `${number}, ${turn}`);
      await finish(ws);
    }));
  },
};

for (const [name, test] of Object.entries(tests)) {
  await test();
  console.log(`passed: ${name}`);
}
