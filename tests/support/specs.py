"""Settings for two ends, left and right, as the simulated link has them."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

from ikeview.core.specs import EngineSpec, KeepaliveSpec, PeerSpec, Selector, Settings, Start, TunnelSpec, UiSpec
from ikeview.crypto.secret import Secret
from ikeview.crypto.suites import EspSuite, Phase1Suite

LEFT, RIGHT = ip_address("10.99.0.1"), ip_address("10.99.0.2")
SECRET = Secret(b"correct horse battery staple")


def tunnel(peer: str, name: str = "lan", *, left: bool, number: int = 1, **changes: Any) -> TunnelSpec:
    """The tunnel between 10.1.N.0/24 (left) and 10.2.N.0/24 (right)."""
    mine, yours = ("1", "2") if left else ("2", "1")
    spec = TunnelSpec(
        peer,
        name,
        Selector(ip_network(f"10.{mine}.{number}.0/24")),
        Selector(ip_network(f"10.{yours}.{number}.0/24")),
        (EspSuite.parse("aes256gcm16-modp2048"),),
        start=Start.MANUAL,
    )
    return replace(spec, **changes)


def settings(
    *, left: bool, tunnels: int = 1, peer: dict[str, Any] | None = None, child: dict[str, Any] | None = None,
    remote: str | None = None,
) -> Settings:
    """One peer, called ``right`` on the left and ``left`` on the right, with tunnels lan1, lan2 ..."""
    name = "right" if left else "left"
    there = remote or str(RIGHT if left else LEFT)
    spec = PeerSpec(
        name,
        there,
        SECRET,
        (Phase1Suite.parse("aes256-sha256-modp2048"),),
        tuple(tunnel(name, f"lan{n}", left=left, number=n, **(child or {})) for n in range(1, tunnels + 1)),
        remote_address=None if there == "any" else ip_address(there),
        keepalive=KeepaliveSpec(method="off"),
    )
    spec = replace(spec, **(peer or {}))
    return Settings(EngineSpec(), UiSpec(), (spec,))


def world(*, peers: dict[str, str], here: str, hub: bool, **changes: Any) -> Settings:
    """An end of a star: a hub with one tunnel to each spoke, or a spoke with one to the hub.

    ``peers`` are names and addresses (or ``any``) of the others; the spoke ``sN`` has the network number N of 172.16/12
    cut into /28 behind it. ``changes`` are the peers', ``child`` among them the tunnels'."""
    child = changes.pop("child", {})
    specs = []
    for name, there in peers.items():
        spoke = int((name if hub else here)[1:])
        far, near = ip_network(((172 << 24) + (16 << 16) + (spoke << 4), 28)), ip_network("10.1.0.0/16")
        mine, yours = (near, far) if hub else (far, near)
        lan = TunnelSpec(
            name, "lan", Selector(mine), Selector(yours), (EspSuite.parse("aes128gcm16"),), start=Start.MANUAL
        )
        spec = PeerSpec(
            name, there, SECRET, (Phase1Suite.parse("aes128-sha256-x25519"),), (replace(lan, **child),),
            remote_address=None if there == "any" else ip_address(there), keepalive=KeepaliveSpec(method="off"),
        )
        specs.append(replace(spec, **changes))
    return Settings(EngineSpec(), UiSpec(), tuple(specs))
