"""Modbus over TCP, TLS, UDP and serial lines: registers and bits, answered from an image of each tick."""
