"""Tunnels and half SAs with fixed keys, for the data planes' tests."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

from ikeview.core.outputs import Direction, HalfSa, Spot
from ikeview.core.specs import Selector, TunnelSpec
from ikeview.crypto.suites import EspSuite

HERE = Spot(ip_address("192.0.2.1"), 4500)
THERE = Spot(ip_address("192.0.2.2"), 4500)


def tunnel(name: str = "lan", local: str = "10.1.0.0/24", remote: str = "10.2.0.0/24", **more: Any) -> TunnelSpec:
    """A tunnel; a selector is a network, or ``network protocol port``."""
    return TunnelSpec("peer", name, selector(local), selector(remote), (), **more)


def selector(text: str) -> Selector:
    """A selector from ``network [protocol [port]]``, both numbers."""
    network, *rest = text.split()
    return Selector(ip_network(network), *map(int, rest))


def mirrored(spec: TunnelSpec) -> TunnelSpec:
    """The tunnel as the other end has it."""
    return replace(spec, local=spec.remote, remote=spec.local)


def half(
    direction: Direction, spi: int, spec: TunnelSpec, suite: str = "aes128gcm16", seed: int = 1, **more: Any
) -> HalfSa:
    """A half SA; its keys follow from suite and ``seed``."""
    chosen = EspSuite.parse(suite)
    keymat = bytes((seed + number) % 256 for number in range(chosen.keymat_size))
    values: dict[str, Any] = {"local": HERE, "remote": THERE, "encapsulated": True} | more
    return HalfSa(direction, spi, spec, chosen, chosen.cut(keymat), **values)
