// Finds the BACnet devices behind a gateway with @bacnet-js/client and reads them; prints what it found as JSON.
// node bacnet_js_client.cjs BROADCAST_ADDRESS GATEWAY_PORT DEVICES
"use strict";

const BACnet = require("@bacnet-js/client");
const discover = require("./bacnet_discover.cjs");
const freePort = require("./free_port.cjs");

const [broadcastAddress, gatewayPort, wanted] = process.argv.slice(2);
const Bacnet = BACnet.default || BACnet;
const { ObjectType, PropertyIdentifier } = BACnet;
const METER = 100000;

let client;

async function read(receiver, type, instance, property) {
  const answer = await client.readProperty(receiver, { type, instance }, property);
  return answer.values[0].value;
}

async function readMeter(device, receiver) {
  const { ANALOG_INPUT, TREND_LOG } = ObjectType;
  const several = await client.readPropertyMultiple(receiver, [
    { objectId: { type: ANALOG_INPUT, instance: 1 }, properties: [{ id: PropertyIdentifier.ALL }] },
    { objectId: { type: ANALOG_INPUT, instance: 2 }, properties: [{ id: PropertyIdentifier.PRESENT_VALUE }] },
    { objectId: { type: ObjectType.DEVICE, instance: device }, properties: [{ id: PropertyIdentifier.OBJECT_LIST }] },
  ]);
  const [energy, demand, list] = several.values;
  const log = await client.readRange(receiver, { type: TREND_LOG, instance: 1 }, 1, 10);
  return {
    device,
    energy: await read(receiver, ANALOG_INPUT, 1, PropertyIdentifier.PRESENT_VALUE),
    demand: await read(receiver, ANALOG_INPUT, 2, PropertyIdentifier.PRESENT_VALUE),
    name: await read(receiver, ObjectType.DEVICE, device, PropertyIdentifier.OBJECT_NAME),
    properties: energy.values.length,
    multiple_demand: demand.values[0].value[0].value,
    objects: list.values[0].value.length,
    logged: log.itemCount,
  };
}

async function main() {
  client = new Bacnet({ port: await freePort(), interface: "0.0.0.0", broadcastAddress: `${broadcastAddress}:${gatewayPort}`, apduTimeout: 3000 });
  const found = await discover(client, wanted, () => client.on("listening", () => client.whoIs()));
  const meters = [];
  for (const [device, receiver] of found) {
    if (device > METER) meters.push(await readMeter(device, receiver));
  }
  client.close();
  // The client keeps a timer of ten seconds for every broadcast it sent; do not wait for it.
  process.stdout.write(`${JSON.stringify({ devices: found.map(([device]) => device), meters })}\n`, () => process.exit(0));
}

main().catch((problem) => {
  console.error(problem);
  process.exit(1);
});
