"""BACnet/IP: every meter a device of its own on a virtual network behind the gateway device.

`server.py` alone talks to the network and `gateway_device.py` alone to bacpypes3; all the rest is pure.
"""
