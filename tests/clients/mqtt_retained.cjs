// Subscribes to a filter and prints the first COUNT retained messages as one JSON object: URL FILTER COUNT.
const mqtt = require("mqtt");

const [url, filter, count] = process.argv.slice(2);
const seen = {};
const client = mqtt.connect(url, { protocolVersion: 4, reconnectPeriod: 0 });
client.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
client.on("connect", () => client.subscribe(filter, { qos: 1 }));
client.on("message", (topic, payload, packet) => {
  if (!packet.retain) return;
  seen[topic] = payload.toString();
  if (Object.keys(seen).length === Number(count)) {
    console.log(JSON.stringify(seen));
    client.end(true, () => process.exit(0));
  }
});
