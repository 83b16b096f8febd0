// Finds the BACnet devices behind a gateway with node-bacnet and reads them; prints what it found as JSON.
// node bacnet_node_bacnet.cjs BROADCAST_ADDRESS GATEWAY_PORT DEVICES
"use strict";

const Bacnet = require("node-bacnet");
const discover = require("./bacnet_discover.cjs");
const freePort = require("./free_port.cjs");

const [broadcastAddress, gatewayPort, wanted] = process.argv.slice(2);
const { ObjectType, PropertyIdentifier } = Bacnet.enum;
const METER = 100000;
const EVERY_NETWORK = 0xffff;
const METERS_NETWORK = 1000;

let client;

// This client does not learn from an I-Am behind which router a device is, so it is told.
function route(sender, device) {
  const adr = [device >> 16, (device >> 8) & 0xff, device & 0xff];
  return { address: sender.address, net: METERS_NETWORK, adr };
}

function read(receiver, type, instance, property) {
  return new Promise((resolve, reject) => {
    client.readProperty(receiver, { type, instance }, property, (problem, answer) => {
      if (problem) reject(problem);
      else resolve(answer.values[0].value);
    });
  });
}

async function main() {
  client = new Bacnet({ port: await freePort(), interface: "0.0.0.0", broadcastAddress: `${broadcastAddress}:${gatewayPort}`, apduTimeout: 3000 });
  const found = await discover(client, wanted, () => client.whoIs({ net: EVERY_NETWORK }));
  const meters = [];
  for (const [device, sender] of found) {
    if (device <= METER) continue;
    const receiver = route(sender, device);
    meters.push({
      device,
      energy: await read(receiver, ObjectType.ANALOG_INPUT, 1, PropertyIdentifier.PRESENT_VALUE),
      demand: await read(receiver, ObjectType.ANALOG_INPUT, 2, PropertyIdentifier.PRESENT_VALUE),
      name: await read(receiver, ObjectType.DEVICE, device, PropertyIdentifier.OBJECT_NAME),
    });
  }
  client.close();
  // The client keeps a timer of ten seconds for every broadcast it sent; do not wait for it.
  process.stdout.write(`${JSON.stringify({ devices: found.map(([device]) => device), meters })}\n`, () => process.exit(0));
}

main().catch((problem) => {
  console.error(problem);
  process.exit(1);
});
