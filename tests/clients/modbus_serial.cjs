// Reads units with modbus-serial and prints what it got as JSON: node modbus_serial.cjs PORT UNIT...
const ModbusRTU = require("modbus-serial");

const [port, ...units] = process.argv.slice(2).map(Number);

const refusal = (reading) => reading.then(() => null, (error) => error.modbusCode);

async function ask(client, unit) {
  client.setID(unit);
  return {
    holding: (await client.readHoldingRegisters(0, 64)).data,
    input: (await client.readInputRegisters(100, 28)).data,
    discrete: (await client.readDiscreteInputs(0, 16)).data.slice(0, 16).map(Number),
    coils: (await client.readCoils(0, 2)).data.slice(0, 2).map(Number),
    unmapped: await refusal(client.readHoldingRegisters(64, 1)),
    count: await refusal(client.readHoldingRegisters(0, 126)),
    identity: (await client.readDeviceIdentification(2, 0)).data,
  };
}

async function main() {
  const client = new ModbusRTU();
  client.setTimeout(5000);
  await client.connectTCP("127.0.0.1", { port });
  const said = {};
  for (const unit of units) said[unit] = await ask(client, unit);
  client.setID(200);
  said.nobody = await refusal(client.readHoldingRegisters(0, 1));
  console.log(JSON.stringify(said));
  client.close(() => {});
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
