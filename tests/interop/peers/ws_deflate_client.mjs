// npm's ws as a client of a compressing echo_server, whose URL is the argument.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import WebSocket from 'ws';

const url = process.argv[2];
const text = '{"ore": "wolframite", "of": "iron and manganese"} '.repeat(400);
const messages = ['', 'x', text.slice(0, 100), text, Buffer.from(text), text + '½ Größe – 𝄞', text];

async function expectEchoes(options) {
  const ws = new WebSocket(url, { perMessageDeflate: { threshold: 0, ...options } });
  await once(ws, 'open');
  assert.equal(ws.extensions, 'permessage-deflate');
  const before = ws._socket.bytesRead;
  for (const message of messages) {
    const back = once(ws, 'message');
    ws.send(message);
    const [received, binary] = await back;
    assert.equal(binary, typeof message !== 'string');
    assert.ok(received.equals(Buffer.from(message)), `${message.length} came back changed`);
  }
  // Windows of 8 bits, which zlib cannot make, are agreed to and not used.
  const seen = ws._socket.bytesRead - before;
  assert.equal(seen < text.length, options.serverMaxWindowBits !== 8, `${seen} octets came back`);
  const closed = once(ws, 'close');
  ws.close(1000);
  assert.equal((await closed)[0], 1000);
}

for (let bits = 8; bits <= 15; ++bits) {
  for (const serverNoContextTakeover of [false, true]) {
    for (const clientNoContextTakeover of [false, true]) {
      await expectEchoes({
        serverMaxWindowBits: bits,
        clientMaxWindowBits: 23 - bits,
        // A false would be a refusal of servers that want it.
        serverNoContextTakeover: serverNoContextTakeover || undefined,
        clientNoContextTakeover: clientNoContextTakeover || undefined,
      });
    }
  }
}
await expectEchoes({});
console.log('passed');
