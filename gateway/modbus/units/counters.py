"""What is counted of the connections of all ports since the start, for whoever wants to tell it.

Numbers alone; who counts and who tells does so elsewhere.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class ConnectionCounters:
    """Connections that are open now; those taken, refused, and closed for idleness so far."""

    open: int = 0
    accepted: int = 0
    refused: int = 0
    closed_idle: int = 0
