"""Modbus TCP: the meters' registers and bits, answered from an image that each tick makes anew."""
