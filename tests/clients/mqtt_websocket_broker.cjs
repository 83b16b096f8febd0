// A broker behind websockets, over TLS with CERTIFICATE and KEY: [CERTIFICATE KEY]; prints its port. Dies with its input.
const { readFileSync } = require("fs");
const http = require("http");
const https = require("https");
const { WebSocketServer, createWebSocketStream } = require("ws");
const { Aedes } = require("aedes");

const [certificate, key] = process.argv.slice(2);

async function main() {
  const broker = await Aedes.createBroker();
  const server = certificate
    ? https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) })
    : http.createServer();
  new WebSocketServer({ server, path: "/mqtt", handleProtocols: () => "mqtt" }).on("connection", (socket, request) => {
    const stream = createWebSocketStream(socket);
    stream.on("error", () => socket.terminate());
    broker.handle(stream, request);
  });
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
  process.stdin.on("end", () => process.exit(0)).resume();
}

main();
