// Reads lines of JSON and prints each as a payload of Sparkplug B in base64.
const sparkplug = require("sparkplug-payload").get("spBv1.0");
const lines = require("fs").readFileSync(0, "utf8").split("\n").filter(Boolean);
for (const line of lines) console.log(Buffer.from(sparkplug.encodePayload(JSON.parse(line))).toString("base64"));
