"""BACnet/IP: every meter a device of its own on a virtual network behind the gateway device.

`server.py` and `sockets.py` talk to the network; all the rest is pure but for the timer of `pacing.py`
and the tasks of `pending.py`.
"""
