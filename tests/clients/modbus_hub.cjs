// Sets a pulse hub with modbus-serial and prints what it got as JSON: node modbus_hub.cjs PORT UNIT
const ModbusRTU = require("modbus-serial");

const [port, unit] = process.argv.slice(2).map(Number);

const refusal = (asking) => asking.then(() => null, (error) => error.modbusCode);

async function main() {
  const client = new ModbusRTU();
  client.setTimeout(5000);
  await client.connectTCP("127.0.0.1", { port });
  client.setID(unit);
  const report = await client.reportServerID(0, 0);
  const said = {
    report: [report.serverId, report.running, report.additionalData.toString()],
    identity: (await client.readDeviceIdentification(3, 0)).data,
    single: await client.writeRegister(1013, 2),
    several: await client.writeRegisters(1014, [0x1234, 7]),
    mask: await client.maskWriteRegister(1014, 0x00f2, 0x0025),
    beside: (await client.readWriteRegisters(1012, 4, 1012, 1, [500])).data,
    after: (await client.readHoldingRegisters(1012, 4)).data,
    range: await refusal(client.writeRegister(1013, 3)),
    counts: await refusal(client.writeRegister(0, 0)),
  };
  client.setID(255);
  said.gateway = (await client.readInputRegisters(0, 2)).data;
  console.log(JSON.stringify(said));
  client.close(() => {});
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
