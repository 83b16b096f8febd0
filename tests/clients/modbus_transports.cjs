// Reads units with modbus-serial and prints what it got as JSON:
// node modbus_transports.cjs rtu-over-tcp|udp PORT UNIT...
// node modbus_transports.cjs rtu|ascii PATH UNIT...
// node modbus_transports.cjs tls PORT,CA,CERTIFICATE,KEY UNIT...
// Its connectTcpRTUBuffered speaks Modbus TCP; what it calls telnet is RTU over TCP.
const { once } = require("events");
const fs = require("fs");
const tls = require("tls");
const ModbusRTU = require("modbus-serial");

const [transport, place, ...units] = process.argv.slice(2);
const serial = { baudRate: 19200, dataBits: 8, parity: "none", stopBits: 1 };

async function secured(client) {
  const [port, ca, cert, key] = place.split(",");
  const [authority, certificate, secret] = [ca, cert, key].map((file) => fs.readFileSync(file));
  const socket = tls.connect({ port: Number(port), host: "127.0.0.1", ca: authority, cert: certificate, key: secret });
  await once(socket, "secureConnect");
  await client.linkTCP(socket, {});
}

const connect = {
  "rtu-over-tcp": (client) => client.connectTelnet("127.0.0.1", { port: Number(place) }),
  udp: (client) => client.connectUDP("127.0.0.1", { port: Number(place) }),
  rtu: (client) => client.connectRTUBuffered(place, serial),
  ascii: (client) => client.connectAsciiSerial(place, serial),
  tls: secured,
}[transport];

async function main() {
  const client = new ModbusRTU();
  client.setTimeout(5000);
  await connect(client);
  const said = {};
  for (const unit of units.map(Number)) {
    client.setID(unit);
    said[unit] = {
      holding: (await client.readHoldingRegisters(0, 64)).data,
      discrete: (await client.readDiscreteInputs(0, 16)).data.slice(0, 16).map(Number),
      unmapped: await client.readHoldingRegisters(64, 1).then(() => null, (error) => error.modbusCode),
      written: (await client.writeCoil(0, true)).state,
    };
  }
  console.log(JSON.stringify(said));
  client.close(() => process.exit(0));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
