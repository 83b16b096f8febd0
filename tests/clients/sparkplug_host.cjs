// A host application: prints every message of Sparkplug B on a broker, decoded, as a line of JSON, and publishes
// what it is given by lines of JSON, {topic, payload}, encoded: URL. Prints "up" and "down" as the connection is.
const mqtt = require("mqtt");
const sparkplug = require("sparkplug-payload").get("spBv1.0");

const plain = (key, value) => (value && value.constructor && value.constructor.name === "Long" ? value.toString() : value);
const say = (what) => console.log(JSON.stringify(what, plain));
const client = mqtt.connect(process.argv[2], { protocolVersion: 4, reconnectPeriod: 20 });
client.on("error", () => {});
client.on("connect", () => client.subscribe("spBv1.0/#", { qos: 1 }, () => say("up")));
client.on("close", () => say("down"));
client.on("message", (topic, payload, packet) => {
  if (topic.split("/")[2].endsWith("CMD")) return;
  say({ topic, qos: packet.qos, retain: packet.retain, payload: sparkplug.decodePayload(payload) });
});
require("readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { topic, payload } = JSON.parse(line);
    client.publish(topic, Buffer.from(sparkplug.encodePayload(payload)), { qos: 0 });
  });
