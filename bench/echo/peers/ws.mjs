// An echo server made with Node's ws, which finds the native bufferutil by itself.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createServer as createTlsServer } from "node:https";
import { parseArgs } from "node:util";
import { WebSocketServer } from "ws";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    broadcast: { type: "boolean" },
    deflate: { type: "boolean" },
    cert: { type: "string" },
    key: { type: "string" },
    version: { type: "boolean" },
  },
});
if (values.version) {
  const { version } = createRequire(import.meta.url)("ws/package.json");
  console.log(`ws ${version} on Node ${process.versions.node}`);
  process.exit(0);
}
const http = values.cert
  ? createTlsServer({ cert: readFileSync(values.cert), key: readFileSync(values.key) })
  : createServer();
const server = new WebSocketServer({
  server: http,
  perMessageDeflate: values.deflate ? { serverNoContextTakeover: true, threshold: 64 } : false,
  maxPayload: 64 << 20,
});
server.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data, binary) => {
    if (values.broadcast) {
      for (const receiver of server.clients) receiver.send(data, { binary });
    } else {
      socket.send(data, { binary });
    }
  });
});
http.listen({ port: Number(values.port), host: "127.0.0.1", backlog: 4096 }, () =>
  console.log(http.address().port),
);
