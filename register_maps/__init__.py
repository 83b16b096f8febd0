"""Modbus register maps as data: what stands at which address, and the codec that turns readings into words.

A map is one YAML file. Nothing here knows sockets, units or the gateway; of `sims` the vocabulary alone.
"""
