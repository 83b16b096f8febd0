// Reads units with modbus-serial and prints what it got as JSON:
// node modbus_transports.cjs rtu-over-tcp|udp PORT UNIT...
// Its connectTcpRTUBuffered speaks Modbus TCP; what it calls telnet is RTU over TCP.
const ModbusRTU = require("modbus-serial");

const [transport, port, ...units] = process.argv.slice(2);
const connect = { "rtu-over-tcp": "connectTelnet", udp: "connectUDP" }[transport];

async function main() {
  const client = new ModbusRTU();
  client.setTimeout(5000);
  await client[connect]("127.0.0.1", { port: Number(port) });
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
  client.close(() => {});
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
