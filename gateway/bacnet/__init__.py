"""BACnet/IP: every meter is a device, behind the gateway device or at a port of its own (`layout.py`).

`server.py` and `sockets.py` talk to the network; all the rest is pure but for the timers of `pacing.py`,
`outbox.py` and `transactions.py` and the tasks of `pending.py` and `foreign.py`.
"""
