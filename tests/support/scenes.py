"""Links for scenarios: fast algorithms where the algorithm does not matter."""

from typing import Any

from ikeview.core.policy import Policy
from ikeview.core.specs import KeepaliveSpec, PeerSpec, Settings, TunnelSpec
from ikeview.crypto.secret import Secret
from ikeview.crypto.suites import EspSuite, Phase1Suite
from tests.support.link import Link
from tests.support.specs import settings

DPD = KeepaliveSpec("dpd", interval=10.0, timeout=30.0, action="restart")
OTHER_SECRET = Secret(b"something else entirely")


def phase1(*texts: str) -> tuple[Phase1Suite, ...]:
    """Phase 1 proposals by name."""
    return tuple(Phase1Suite.parse(text) for text in texts)


def phase2(*texts: str) -> tuple[EspSuite, ...]:
    """Phase 2 proposals by name."""
    return tuple(EspSuite.parse(text) for text in texts)


def side(
    *, left: bool, tunnels: int = 1, peer: dict[str, Any] | None = None, child: dict[str, Any] | None = None,
    remote: str | None = None,
) -> Settings:
    """One end's settings: x25519 in phase 1 and no PFS, unless changed."""
    return settings(
        left=left, tunnels=tunnels, remote=remote,
        peer={"proposals": phase1("aes128-sha256-x25519")} | (peer or {}),
        child={"proposals": phase2("aes128gcm16")} | (child or {}),
    )


def link(
    *, tunnels: int = 1, peer: dict[str, Any] | None = None, child: dict[str, Any] | None = None,
    left: dict[str, Any] | None = None, right: dict[str, Any] | None = None,
    left_child: dict[str, Any] | None = None, right_child: dict[str, Any] | None = None,
    policy: Policy | None = None, seed: str = "seed", forces_encapsulation: bool = False,
) -> Link:
    """Two ends: ``peer`` and ``child`` change both ends' peer and tunnels, the others those of one end."""
    peer, child = peer or {}, child or {}
    return Link(
        side(left=True, tunnels=tunnels, peer=peer | (left or {}), child=child | (left_child or {})),
        side(left=False, tunnels=tunnels, peer=peer | (right or {}), child=child | (right_child or {})),
        policy=policy, seed=seed, forces_encapsulation=forces_encapsulation,
    )


def spec_of(some: Settings) -> tuple[PeerSpec, TunnelSpec]:
    """The peer and its first tunnel."""
    return some.peers[0], some.peers[0].tunnels[0]
