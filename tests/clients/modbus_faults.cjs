// Reads two registers of each unit with modbus-serial and prints what came of it as JSON:
// node modbus_faults.cjs PORT TIMEOUT_MS UNIT...
const ModbusRTU = require("modbus-serial");

const [port, timeout, ...units] = process.argv.slice(2).map(Number);

async function ask(client, unit) {
  client.setID(unit);
  try {
    return (await client.readHoldingRegisters(118, 2)).data;
  } catch (error) {
    return error.modbusCode ?? error.name ?? String(error);
  }
}

async function main() {
  const client = new ModbusRTU();
  client.setTimeout(timeout);
  await client.connectTCP("127.0.0.1", { port });
  const said = {};
  for (const unit of units) said[unit] = await ask(client, unit);
  console.log(JSON.stringify(said));
  client.close(() => {});
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
