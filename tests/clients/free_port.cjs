// A UDP port that nobody uses: both BACnet stacks take 0 for their default, 47808, where a gateway may be.
"use strict";

const dgram = require("dgram");

module.exports = () =>
  new Promise((resolve, reject) => {
    const probe = dgram.createSocket("udp4");
    probe.on("error", reject);
    probe.bind(0, "0.0.0.0", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
