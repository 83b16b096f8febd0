"""What the meters' devices hold beside the values of a tick: logs, alarms, and what clients have set.

Nothing here outlives the process.
"""

from gateway.bacnet.alarms import Alarms
from gateway.bacnet.bindings import Bindings
from gateway.bacnet.device_clocks import DeviceClocks
from gateway.bacnet.increments import Increments
from gateway.bacnet.recipients import Recipients
from gateway.bacnet.trends import TRENDS, TrendLog


class Stores:
    """The stores of `meters` meters."""

    def __init__(self, meters: int) -> None:
        self.logs = tuple(TrendLog(spec, meters) for spec in TRENDS)
        self.increments = Increments(meters)
        self.clocks = DeviceClocks(meters)
        self.alarms = Alarms(meters, self.clocks)
        self.recipients = Recipients()
        self.bindings = Bindings()
