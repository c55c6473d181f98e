// npm's ws as a compressing echo server for our clients. The query sets its parameters; see deflate_test.py.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const http = createServer();
http.on('upgrade', (request, socket, head) => {
  const query = new URL(request.url, 'http://host').searchParams;
  const wss = new WebSocketServer({
    noServer: true,
    maxPayload: 64 << 20,
    perMessageDeflate: {
      threshold: 0,
      serverMaxWindowBits: Number(query.get('server')),
      clientMaxWindowBits: Number(query.get('client')),
      serverNoContextTakeover: query.get('forgets') === '1' || undefined,
      clientNoContextTakeover: query.get('forgets') === '1' || undefined,
    },
  });
  wss.handleUpgrade(request, socket, head, (ws) => {
    ws.on('error', () => {});
    ws.on('message', (data, binary) => ws.send(data, { binary }));
    console.log(`compressed ${ws.extensions === 'permessage-deflate'}`);
  });
});
http.listen(0, '127.0.0.1', () => console.log(`listening on ws://127.0.0.1:${http.address().port}`));
process.on('SIGTERM', () => process.exit(0));
