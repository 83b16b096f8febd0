// Reads one unit with jsmodbus and prints what it got as JSON: node modbus_jsmodbus.cjs PORT UNIT
const net = require("node:net");
const { client: modbus } = require("jsmodbus");

const [port, unit] = process.argv.slice(2).map(Number);
const socket = new net.Socket();
const client = new modbus.TCP(socket, unit, 5000);

const words = async (reading) => (await reading).response.body.valuesAsArray.map(Number);
const refusal = (reading) => reading.then(() => null, (error) => error.response.body.code);

socket.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
socket.on("connect", async () => {
  const pipelined = [];
  for (let address = 0; address < 64; address += 2) pipelined.push(words(client.readHoldingRegisters(address, 2)));
  const said = {
    holding: (await Promise.all(pipelined)).flat(),
    input: await words(client.readInputRegisters(100, 28)),
    discrete: (await words(client.readDiscreteInputs(0, 16))).slice(0, 16),
    coils: (await words(client.readCoils(0, 2))).slice(0, 2),
    unmapped: await refusal(client.readHoldingRegisters(64, 1)),
    written: await refusal(client.writeSingleRegister(0, 1)),
  };
  console.log(JSON.stringify(said));
  socket.end();
});
socket.connect({ host: "127.0.0.1", port });
