// Reads the object list of a large device by index with one of two clients, and in segments where the client can;
// prints JSON.
// node bacnet_flat.cjs PACKAGE GATEWAY_ADDRESS:PORT
"use strict";

const freePort = require("./free_port.cjs");

const [name, address] = process.argv.slice(2);
const BACnet = require(name);
const Bacnet = BACnet.default || BACnet;
const DEVICE = { type: 8, instance: 100000 };
const OBJECT_LIST = 76;
const STEP = 97;

let client;

function read(options = {}) {
  if (name === "@bacnet-js/client") {
    return client.readProperty({ address }, DEVICE, OBJECT_LIST, options).then((answer) => answer.values);
  }
  return new Promise((resolve, reject) => {
    client.readProperty(address, DEVICE, OBJECT_LIST, options, (problem, answer) => {
      if (problem) reject(problem);
      else resolve(answer.values);
    });
  });
}

async function main() {
  client = new Bacnet({ port: await freePort(), interface: "0.0.0.0", apduTimeout: 10000 });
  const [{ value: length }] = await read({ arrayIndex: 0 });
  const sample = [];
  for (let index = 1; index <= length; index += STEP) {
    const [{ value }] = await read({ arrayIndex: index });
    sample.push(value);
  }
  const found = { length, sample };
  if (name === "@bacnet-js/client") {
    const whole = (await read()).map(({ value }) => value);
    found.whole = whole.length;
    found.same = sample.every((value, k) => JSON.stringify(value) === JSON.stringify(whole[k * STEP]));
  }
  process.stdout.write(`${JSON.stringify(found)}\n`, () => process.exit(0));
}

main().catch((problem) => {
  console.error(problem);
  process.exit(1);
});
