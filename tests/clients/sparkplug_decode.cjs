// Reads lines of base64 and prints each payload of Sparkplug B as a line of JSON; 64-bit numbers as strings.
const sparkplug = require("sparkplug-payload").get("spBv1.0");
const lines = require("fs").readFileSync(0, "utf8").split("\n").filter(Boolean);
const plain = (key, value) => (value && value.constructor && value.constructor.name === "Long" ? value.toString() : value);
for (const line of lines) console.log(JSON.stringify(sparkplug.decodePayload(Buffer.from(line, "base64")), plain));
