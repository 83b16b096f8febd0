// Subscribes to two objects of a meter behind a gateway, waits for what it is told of them and of an alarm, acknowledges
// the alarm; with @bacnet-js/client or node-bacnet. Prints {"port"} when it waits, then what it was told, each as JSON.
// node bacnet_events.cjs LIBRARY GATEWAY_ADDRESS METER_INSTANCE
"use strict";

const { promisify } = require("node:util");
const [library, address, instance] = process.argv.slice(2);
const Bacnet = require(library);
const freePort = require("./free_port.cjs");

const Client = Bacnet.default || Bacnet;
const { ConfirmedServiceChoice, ObjectType } = Bacnet.enum || Bacnet;
const METERS_NETWORK = 1000;
const ENERGY = { type: ObjectType.ANALOG_INPUT, instance: 1 };
const REVERSE_PHASE = { type: ObjectType.BINARY_INPUT, instance: 1 };
const CONFIRMED = 1;
const UNCONFIRMED = 2;
const WAIT_MS = 10000;

const device = Number(instance);
const adr = [device >> 16, (device >> 8) & 0xff, device & 0xff];
const meter = { address, net: METERS_NETWORK, adr };

// Both libraries take the path that a notification came by as its sender; the answer goes back the same way.
function sender({ header }) {
  return { ...meter, forwardedFrom: header.sender.forwardedFrom };
}

function values(payload) {
  return payload.values.map(({ property, value }) => [property.id, value[0].value]);
}

async function main() {
  const port = await freePort();
  const client = new Client({ port, interface: "0.0.0.0", apduTimeout: 3000 });
  const ask = (service) => {
    const bound = client[service].bind(client);
    return library === "node-bacnet" ? (...parameters) => promisify(bound)(...parameters, {}) : bound;
  };
  const told = { confirmed: [], unconfirmed: [], events: [] };
  let look = () => {};
  const note = (where, what) => {
    told[where].push(what);
    look();
  };
  const until = (enough) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`waited in vain: ${JSON.stringify(told)}`)), WAIT_MS);
      look = () => {
        if (!enough()) return;
        clearTimeout(timer);
        resolve();
      };
      look();
    });
  client.on("covNotify", (content) => {
    client.simpleAckResponse(sender(content), ConfirmedServiceChoice.CONFIRMED_COV_NOTIFICATION, content.invokeId);
    note("confirmed", values(content.payload));
  });
  client.on("covNotifyUnconfirmed", ({ payload }) => note("unconfirmed", values(payload)));
  const onEvent = (content) => {
    client.simpleAckResponse(sender(content), ConfirmedServiceChoice.CONFIRMED_EVENT_NOTIFICATION, content.invokeId);
    note("events", content.payload || null); // node-bacnet hears of events but does not read them
  };
  for (const name of ["eventNotifyData", "eventNotify"]) client.on(name, onEvent);

  await ask("subscribeCov")(meter, ENERGY, CONFIRMED, false, true, 0);
  await ask("subscribeCov")(meter, REVERSE_PHASE, UNCONFIRMED, false, false, 600);
  await until(() => told.confirmed.length && told.unconfirmed.length);
  process.stdout.write(`${JSON.stringify({ port })}\n`);
  await until(() => told.confirmed.length > 1 && told.unconfirmed.length > 1 && told.events.length);
  const [event] = told.events;
  if (event) {
    const stamp = { type: 2, value: event.timeStamp.value || event.timeStamp };
    await ask("acknowledgeAlarm")(meter, REVERSE_PHASE, event.toState, "somebody", stamp, stamp);
    await until(() => told.events.length > 1);
  }
  const summary = await ask("getAlarmSummary")(meter);
  told.summary = summary.alarms || summary;
  await ask("subscribeCov")(meter, ENERGY, CONFIRMED, true, true, 0);
  client.close();
  process.stdout.write(`${JSON.stringify(told)}\n`, () => process.exit(0));
}

main().catch((problem) => {
  console.error(problem);
  process.exit(1);
});
