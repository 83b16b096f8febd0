// Registers with @bacnet-js/client as a foreign device at a BBMD and finds devices through it; prints JSON.
// node bacnet_foreign.cjs BBMD_ADDRESS:PORT DEVICES
"use strict";

const BACnet = require("@bacnet-js/client");
const discover = require("./bacnet_discover.cjs");
const freePort = require("./free_port.cjs");

const [address, wanted] = process.argv.slice(2);
const Bacnet = BACnet.default || BACnet;
const { ObjectType, PropertyIdentifier } = BACnet;

async function main() {
  const client = new Bacnet({ port: await freePort(), interface: "0.0.0.0", apduTimeout: 3000 });
  await new Promise((resolve) => client.on("listening", resolve));
  await client.registerForeignDevice({ address }, 60);
  const found = await discover(client, wanted, () => client.whoIsThroughBBMD({ address }));
  const [device, sender] = found.at(-1);
  // What a BBMD forwards is from elsewhere; the client itself would answer the BBMD.
  const receiver = { ...sender, address: sender.forwardedFrom || sender.address, forwardedFrom: null };
  const answer = await client.readProperty(receiver, { type: ObjectType.DEVICE, instance: device }, PropertyIdentifier.OBJECT_NAME);
  client.close();
  const said = { devices: found.map(([instance]) => instance), name: answer.values[0].value };
  process.stdout.write(`${JSON.stringify(said)}\n`, () => process.exit(0));
}

main().catch((problem) => {
  console.error(problem);
  process.exit(1);
});
