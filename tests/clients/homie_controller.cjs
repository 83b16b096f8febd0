// A Homie 5 controller: URL. For each line of input, a JSON object, it prints what it knows of all devices by then;
// {"set": [device, node, property, value]} sets a property before.
const readline = require("readline");
const { DeviceDiscovery, HomieDeviceManager } = require("node-homie");
const { SimpleLogger } = require("node-homie/misc");
const { RxMqtt } = require("node-homie/mqtt");
const { validateHomieValue } = require("node-homie/util");

const complaints = [];
const logs = [];
SimpleLogger.logOutput = (domain, type, name, most, level, text) => {
  if (level <= 1) complaints.push(`${type} ${name}: ${text}`);
};

const options = { url: process.argv[2], topicRoot: "homie", reconnectPeriod: 100 };
const shared = new RxMqtt(options);
const devices = new HomieDeviceManager();
const discovery = new DeviceDiscovery(options, shared, 0, 0, 50, 1000);
discovery.events$.subscribe((event) => {
  if (event.type === "add" && !devices.hasDevice(event.deviceId)) {
    const device = devices.add(event.makeDevice());
    device.logEvent$.subscribe((log) => logs.push([device.id, log.level, log.message]));
    device.onInit();
  } else if (event.type === "remove") {
    devices.removeDevice(event.deviceId)?.onDestroy();
  }
});
discovery.onInit();

const entries = (things, told) => Object.fromEntries(Object.entries(things).map(([id, one]) => [id, told(one)]));

const told = (device) => ({
  state: device.state,
  description: device.getDescription(),
  alerts: Object.fromEntries(device.alerts),
  values: entries(device.nodes, (node) => entries(node.properties, (one) => one.value ?? null)),
  invalid: Object.values(device.nodes).flatMap((node) =>
    Object.values(node.properties)
      .filter((one) => one.value && !validateHomieValue(one.value, one.attributes.datatype, one.attributes.format))
      .map((one) => one.pointer),
  ),
});

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const { set } = JSON.parse(line);
  if (set) devices.devices[set[0]].nodes[set[1]].properties[set[2]].setCommand$(set[3]).subscribe();
  console.log(JSON.stringify({ devices: entries(devices.devices, told), logs, complaints }));
});
