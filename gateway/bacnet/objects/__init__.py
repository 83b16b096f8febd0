"""What a device has: its objects and their properties, and what clients have set beside the values of a tick.

Declarations and lists; what is asked about them is in `services/`. No APDUs but parts of them, no event loop.
"""
