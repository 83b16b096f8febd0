"""Octets and what they mean: numbers of the standard, values with their tags, APDUs, NPDUs, datagrams.

What is done with them is decided elsewhere: no devices, no state, no event loop.
"""
