"""BACnet/IP: every meter is a device, behind the gateway device or at a port of its own (`port/layout.py`).

`server.py` puts together what the adapter is made of; `application.py` does what devices do with what they
hear. The rest is in rooms, each of which imports from those below it alone (decision 28):

- `port/`: sockets, headers and broadcasts: which datagram goes to which device. Neither `application.py` nor
  `telling/` knows it, nor it them.
- `telling/`: what devices say unasked: changes of values, alarms, questions of their own.
- `delivery/`: how what is said gets there: in turn, in pieces, again, late, or garbled on a faulty line.
- `services/`: what is asked of a device: an APDU in, an APDU out.
- `objects/`: what a device has: objects, properties, and the lists that clients set.
- `values/`: what all meters show at a tick: arrays over meters, and their octets.
- `wire/`: octets and what they mean.

Tasks, timers and sockets are in `port/` and `delivery/`; all the rest but `server.py` knows no event loop.
"""
