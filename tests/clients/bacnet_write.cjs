// Writes to the binary values of a meter behind a gateway with node-bacnet; prints each answer and the key as JSON.
// node bacnet_write.cjs GATEWAY_ADDRESS METER_INSTANCE
"use strict";

const Bacnet = require("node-bacnet");
const freePort = require("./free_port.cjs");

const [address, instance] = process.argv.slice(2);
const { ApplicationTag, ObjectType, PropertyIdentifier } = Bacnet.enum;
const METERS_NETWORK = 1000;
const KEY = { type: ObjectType.BINARY_VALUE, instance: 1 };
const RESET = { type: ObjectType.BINARY_VALUE, instance: 2 };
const ENERGY = { type: ObjectType.ANALOG_INPUT, instance: 1 };

const device = Number(instance);
const meter = { address, net: METERS_NETWORK, adr: [device >> 16, (device >> 8) & 0xff, device & 0xff] };

// Resolves to the problem of a request in words, "done" if there is none.
function answered(ask) {
  return new Promise((resolve) => ask((problem) => resolve(problem ? problem.message : "done")));
}

function value(number) {
  return [{ type: ApplicationTag.ENUMERATED, value: number }];
}

async function main() {
  const client = new Bacnet({ port: await freePort(), interface: "0.0.0.0", apduTimeout: 3000 });
  const write = (object, number, options = {}) =>
    answered((next) => client.writeProperty(meter, object, PropertyIdentifier.PRESENT_VALUE, value(number), options, next));
  const several = (...writes) =>
    answered((next) => client.writePropertyMultiple(meter, writes.map(([objectId, number]) => ({
      objectId,
      values: [{ property: { id: PropertyIdentifier.PRESENT_VALUE, index: 0xffffffff }, value: value(number), priority: 8 }],
    })), {}, next));
  const found = {
    right: await write(KEY, 1),
    home: await write(KEY, 0, { priority: 8 }),
    reset: await write(RESET, 1),
    beyond: await write(KEY, 2),
    energy: await write(ENERGY, 1),
    both: await several([KEY, 1], [RESET, 1]),
  };
  client.close();
  process.stdout.write(`${JSON.stringify(found)}\n`, () => process.exit(0));
}

main().catch((problem) => {
  console.error(problem);
  process.exit(1);
});
