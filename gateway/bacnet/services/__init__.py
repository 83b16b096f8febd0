"""What is asked of a device: a request in, an answer out, or what is to be done.

When and how an answer goes out is decided in `delivery/`, who else is told in `telling/`. No event loop.
"""
