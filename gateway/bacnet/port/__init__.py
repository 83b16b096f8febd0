"""Sockets, headers and broadcasts: which datagram goes to which device, and how what a device says gets out.

What is asked otherwise than by a plain read is heard by `application.py`, which is not known here.
"""
