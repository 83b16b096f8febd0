"""The process: hosts a fleet of simulated meters and serves it on Modbus TCP, BACnet/IP, MQTT and HTTP."""
