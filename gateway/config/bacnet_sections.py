"""The parts of the section `bacnet` that make the gateway more than a node of its BACnet/IP network.

Nothing is bound here, and no address is judged: that takes the other sections, too.
"""

from pydantic import Field

from gateway.config.section import Section

MOST_FOREIGN = 128
"""The most foreign devices that a BBMD can take; their table fits one datagram."""


class BbmdSection(Section):
    """A broadcast management device (BBMD), which takes broadcasts from subnet to subnet."""

    enabled: bool = Field(default=True, description="Whether the gateway is one")
    bdt: list[str] = Field(
        default=[],
        max_length=127,
        examples=[["192.168.2.20:47808"]],
        description="The other BBMDs; with the length of its network (192.168.2.20/24:47808) one is sent "
        "directed broadcasts, which its router must let through",
    )
    accept_foreign: bool = Field(default=True, description="Whether foreign devices may register")
    max_foreign: int = Field(
        default=64, ge=1, le=MOST_FOREIGN, description="How many foreign devices may be registered at once"
    )
    write_bdt: bool = Field(default=False, description="Whether the table can be written over the network")


class ForeignSection(Section):
    """A foreign device, which takes part in the network of another subnet through its BBMD."""

    bbmd: str = Field(examples=["192.168.2.20:47808"], description="The BBMD: its address, or name, and port")
    ttl_s: int = Field(
        default=120,
        ge=2,
        le=65_535,
        description="For how long it registers; it renews that in half the time [s]",
    )
