"""What all meters show at a tick: arrays over all meters, and the image of their octets.

No objects: which property a value is, `objects/` declares. No requests, no event loop.
"""
