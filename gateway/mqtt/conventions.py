"""The table of conventions: which there are, and for which payloads each is needed.

To add a convention: one folder and one line here. Each is imported when wanted.
"""

from collections.abc import Sequence

from gateway.mqtt.convention import Control, Convention
from gateway.mqtt.plain.convention import Plain
from gateway.mqtt.plain.topics import Topics
from gateway.payloads import Payloads
from sims.models import Nameplate


def conventions(
    topics: Topics, meters: Sequence[Nameplate], payloads: Payloads, control: Control
) -> list[Convention]:
    """Return the conventions that `payloads` need, the plain one first if it is among them.

    `control` is the station, which some of them ask.
    """
    made: list[Convention] = []
    if payloads.kinds & {"state", "scalars", "event", "history", "homeassistant"}:
        made.append(Plain(topics, meters, payloads, control))
    if "sparkplug" in payloads.kinds:
        from gateway.mqtt.sparkplug.convention import Sparkplug  # noqa: PLC0415  imported when wanted

        made.append(Sparkplug(meters, payloads))
    if "homie" in payloads.kinds:
        from gateway.mqtt.homie.convention import Homie  # noqa: PLC0415  imported when wanted

        made.append(Homie(topics.gateway_id, meters, payloads))
    return made
