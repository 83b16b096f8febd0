"""The ids of devices: what Homie allows in a topic, made of what our users call gateways and meters.

No messages and no descriptions here.
"""

import re
import unicodedata
from collections.abc import Sequence
from hashlib import blake2s
from typing import Final

from gateway.errors import ConfigError
from sims.models import Nameplate

_NOT_ALLOWED: Final = re.compile(r"[^a-z0-9]+")
_DIGEST_BYTES: Final = 4


def homie_id(name: str) -> str:
    """Return `name` in `a` to `z`, `0` to `9` and single hyphens inside; its digest if nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _NOT_ALLOWED.sub("-", plain).strip("-") or _digest(name)


def device_ids(gateway_id: str, meters: Sequence[Nameplate]) -> list[str]:
    """Return the device ids of `meters`: the gateway's, two hyphens, which no id has inside, and their own.

    Where two become the same, the first in the order of meters has it and others their digest behind it: a
    meter more at the end changes none before it. Raises ConfigError where that is taken, too.
    """
    root, owners = homie_id(gateway_id), dict[str, str]()
    for meter in meters:
        own = homie_id(meter.id)
        if own in owners:
            own = f"{own}-{_digest(meter.id)}"
        if own in owners:
            raise ConfigError(
                f"ids {owners[own]!r} and {meter.id!r} are both {own!r} in Homie; allowed: others",
                key="meters",
            )
        owners[own] = meter.id
    return [f"{root}--{own}" for own in owners]


def _digest(name: str) -> str:
    return blake2s(name.encode(), digest_size=_DIGEST_BYTES).hexdigest()
