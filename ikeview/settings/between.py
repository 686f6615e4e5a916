"""What peers must be to each other: names and pools of their own, and first messages that can be told apart."""

from collections.abc import Iterator
from typing import NamedTuple

from ikeview.core.identity import IdentityPattern
from ikeview.core.specs import Network
from ikeview.settings.schema import Peer
from ikeview.settings.shape import Finding
from ikeview.settings.values import Remote


class Named(NamedTuple):
    """A peer with its file, the name it goes by (empty if that is wrong itself) and its remote (None if that is wrong,
    or a key by which peers with one remote are told apart)."""

    file: str
    name: str
    remote: Remote | None
    peer: Peer


def between_peers(peers: list[Named]) -> Iterator[tuple[str, Finding]]:
    """Rules between peers: findings with the file they are found in, which is the later one."""
    names: dict[str, str] = {}
    places: dict[str, list[Named]] = {}
    pools: list[tuple[Network, Named]] = []
    for each in peers:
        first = names.setdefault(each.name, each.file)
        if each.name and first != each.file:
            yield each.file, Finding("name", f"{each.name!r} is the name of {first} too", "give each its own")
        pool = each.peer.config.pool if each.peer.config is not None else None
        if pool is not None:
            shared = next((other for taken, other in pools if _overlap(taken, pool)), None)
            if shared is not None:
                text = f"{pool} holds addresses that {shared.file} gives to its clients too"
                yield each.file, Finding("config.pool", text, "give each its own, or put both into one file")
            pools.append((pool, each))
        remote = each.remote
        if remote is None:
            continue
        same = places.setdefault(str(remote.address or remote.network or remote.text.lower().removesuffix(".")), [])
        for other in same:
            finding = _ambiguity(each.peer, other, remote)
            if finding is not None:
                yield each.file, finding
                break
        same.append(each)


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _ambiguity(peer: Peer, other: Named, remote: Remote) -> Finding | None:
    """Why a message from there could belong to both."""
    rival = other.peer
    same_local = peer.local == rival.local or "any" in (peer.local, rival.local)
    both_answer = "initiator" not in (peer.role, rival.role)
    if not same_local or not (peer.role == rival.role or both_answer):
        return None
    if peer.mode != rival.mode or peer.auth is None or rival.auth is None:
        return None
    shared = peer.auth.method.shared_secret, rival.auth.method.shared_secret
    if shared[0] != shared[1]:
        # the first message offers either the one kind or the other
        return None
    said = f"{remote.text} is the remote of {other.file} too"
    if peer.mode == "main" and shared[0]:
        return Finding(
            "remote",
            f"{said}: in Main Mode a pre-shared key is chosen before the peer says who it is, by its address alone",
            'put the tunnels into one file, or use certificates or mode = "aggressive" in both',
        )
    if _same_identity(peer, rival):
        return Finding(
            "remote",
            f"{said}, and their remote_id is the same, so nothing tells them apart",
            "give each another remote_id, or put the tunnels into one file",
            ("remote_id",),
        )
    return None


def _same_identity(one: Peer, other: Peer) -> bool:
    mine, theirs = _expected(one), _expected(other)
    if mine is None or theirs is None:
        return mine is theirs
    if mine.exact is not None and theirs.exact is not None:
        return mine.exact.same(theirs.exact)
    return str(mine) == str(theirs)


def _expected(peer: Peer) -> IdentityPattern | None:
    """Who the peer may be; None: its address."""
    if peer.remote_id is None and peer.auth is not None and not peer.auth.method.shared_secret:
        return IdentityPattern.parse("any")
    return peer.remote_id
