"""What the meters' devices hold beside the values of a tick: logs, alarms, ranges, and what clients have set.

Nothing here outlives the process.
"""

from collections.abc import Sequence

from gateway.bacnet.objects.bindings import Bindings
from gateway.bacnet.objects.recipients import Recipients
from gateway.bacnet.values.alarms import Alarms
from gateway.bacnet.values.device_clocks import DeviceClocks
from gateway.bacnet.values.increments import Increments
from gateway.bacnet.values.ranges import pres_value_ranges
from gateway.bacnet.values.trends import TRENDS, TrendLog
from sims.models import Nameplate


class Stores:
    """The stores of `meters`."""

    def __init__(self, meters: Sequence[Nameplate]) -> None:
        count = len(meters)
        self.logs = tuple(TrendLog(spec, count) for spec in TRENDS)
        self.ranges = pres_value_ranges(meters)
        self.increments = Increments(count)
        self.clocks = DeviceClocks(count)
        self.alarms = Alarms(count, self.clocks)
        self.recipients = Recipients()
        self.bindings = Bindings()
