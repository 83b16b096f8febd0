"""Two IPv4 subnets with a Linux router between them, made of network namespaces; no broadcast crosses it."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from itertools import count

from tests.support.programs import do_without, program

NODES = {"gateway": ("10.77.1", 2), "bbmd": ("10.77.2", 2), "client": ("10.77.2", 3)}
"""Subnet and host number of each node; the router is number 1 of both subnets."""


class Subnets:
    """Runs programs on the nodes of `NODES` and on the `router`, which sees all that goes over them."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def within(self, node: str) -> Sequence[str]:
        """Return the command that runs another one on a node."""
        return (program("ip") or "ip", "netns", "exec", f"{self._prefix}{node}")

    def address(self, node: str) -> str:
        """Return the address of a node."""
        subnet, number = NODES[node]
        return f"{subnet}.{number}"

    def build(self) -> None:
        """Make the namespaces and connect them. Raises CalledProcessError where that is not permitted."""
        for node in ("router", *NODES):
            self._ip("netns", "add", f"{self._prefix}{node}")
        router = f"{self._prefix}router"
        for bridge in sorted({subnet for subnet, _ in NODES.values()}):
            name = _bridge(bridge)
            self._ip("-n", router, "link", "add", name, "type", "bridge")
            self._ip("-n", router, "addr", "add", f"{bridge}.1/24", "broadcast", "+", "dev", name)
            self._ip("-n", router, "link", "set", name, "up")
        for node, (subnet, number) in NODES.items():
            self._connect(f"{self._prefix}{node}", router, node, subnet, number)
        self._set("net.ipv4.ip_forward")

    def let_directed_broadcasts_through(self) -> None:
        """Let the router forward what is sent to the broadcast address of the other subnet."""
        for device in ("all", *(_bridge(subnet) for subnet, _ in NODES.values())):
            self._set(f"net.ipv4.conf.{device}.bc_forwarding")

    def _set(self, switch: str) -> None:
        """Turn a switch of the router on."""
        command = [*self.within("router"), program("sysctl") or "sysctl", "-qw", f"{switch}=1"]
        subprocess.run(command, check=True, capture_output=True, text=True)

    def _connect(self, space: str, router: str, node: str, subnet: str, number: int) -> None:
        """Connect a node to the bridge of its subnet."""
        self._ip("-n", space, "link", "add", "eth0", "type", "veth", "peer", "name", node, "netns", router)
        self._ip("-n", router, "link", "set", node, "master", _bridge(subnet), "up")
        self._ip("-n", space, "addr", "add", f"{subnet}.{number}/24", "broadcast", "+", "dev", "eth0")
        for device in ("lo", "eth0"):
            self._ip("-n", space, "link", "set", device, "up")
        self._ip("-n", space, "route", "add", "default", "via", f"{subnet}.1")

    def remove(self) -> None:
        """Remove whatever has been made; what is connected to it goes with it."""
        for node in ("router", *NODES):
            with contextlib.suppress(subprocess.CalledProcessError):
                self._ip("netns", "del", f"{self._prefix}{node}")

    def _ip(self, *arguments: str) -> None:
        command = [program("ip") or "ip", *arguments]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=20)


_numbers = count()


@contextlib.contextmanager
def subnets() -> Iterator[Subnets]:
    """Give subnets of one's own; a test for which they cannot be made says so."""
    made = Subnets(f"mg{os.getpid()}-{next(_numbers)}-")
    try:
        try:
            made.build()
        except subprocess.CalledProcessError as refusal:
            do_without(f"no network namespaces here (they need root): {refusal.stderr.strip()}")
        yield made
    finally:
        made.remove()


def _bridge(subnet: str) -> str:
    return f"net{subnet.rpartition('.')[2]}"
