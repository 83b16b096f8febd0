// Waits for the I-Am of so many BACnet devices; resolves to [instance, sender] pairs in the order of instances.
"use strict";

const WAIT_MS = 10000;

module.exports = (client, wanted, whoIs) =>
  new Promise((resolve) => {
    const found = new Map();
    const finish = () => resolve([...found].sort(([a], [b]) => a - b));
    client.on("iAm", ({ header, payload }) => {
      found.set(payload.deviceId, header.sender);
      if (found.size >= Number(wanted)) finish();
    });
    setTimeout(finish, WAIT_MS).unref();
    whoIs();
  });
