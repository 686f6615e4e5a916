"""What holds after every scenario on the simulated link."""

from typing import Any

from ikeview.core.facts import SaInstalled
from ikeview.core.inputs import BytesSoft, FirstUse, Traffic
from ikeview.core.orders import Initiate, Terminate
from ikeview.core.outputs import Direction
from ikeview.core.specs import Role
from ikeview.core.timers import Timer
from tests.support.link import End, Link


def peer_of(end: End) -> Any:
    """The only peer of an end."""
    (peer,) = end.endpoint._peers.values()
    return peer


def context_of(end: End) -> Any:
    """The endpoint's context: timers, cookies, SPIs."""
    return end.endpoint._context


def assert_tidy(end: End) -> None:
    """Timers, cookies, SPIs and the data plane hold nothing of what is gone."""
    context = context_of(end)
    cookies: set[bytes] = set()
    spis: set[int] = set()
    subjects: set[tuple[str, str]] = set()
    inbound: set[int] = set()
    outbound: set[int] = set()
    waiting = 0
    for peer in end.endpoint._peers.values():
        name = peer.spec.name
        # its name is looked up, its address watched, echo requests sent, for as long as there is the peer
        subjects |= {(name, name), (name, peer.spec.remote)}
        # whether it is still needed is looked at by the configured peer
        subjects.add((peer.base.spec.name, name))
        for cookie, each in peer.phase1.negotiations.items():
            cookies.add(cookie)
            subjects.add((name, each.run.ident))
            waiting += each.run.role is Role.RESPONDER
            assert not each.over
        for sa in peer.phase1.sas:
            cookies.add(sa.our_cookie)
            subjects.add((name, str(sa.cookies)))
            subjects |= {(name, each.run.ident) for each in (sa.phase1, *sa.transactions.values())}
            for quick in sa.quick_modes.values():
                subjects.add((name, quick.run.ident))
                if not quick.over:
                    ground = next(
                        stage.ground for stage in _layers(quick.run.stage) if hasattr(stage, "ground")
                    )
                    spis.add(int.from_bytes(ground.spi))
        for tunnel in peer.tunnels.values():
            subjects.add((name, tunnel.name))
            for pair in tunnel.pairs:
                subjects.add((name, pair.name))
                spis.add(pair.inbound.spi)
                inbound.add(pair.inbound.spi)
                if pair.sending:
                    outbound.add(pair.outbound.spi)
    for _, timer, key in end.endpoint.agenda():
        assert key in subjects, f"{end.name}: {timer!r} runs for {key}, which is gone"
    assert set(context.cookies) == cookies, end.name
    assert set(context.spis) == spis, end.name
    chosen = [
        pair.outbound.spi.to_bytes(4)
        for peer in end.endpoint._peers.values() for tunnel in peer.tunnels.values() for pair in tunnel.pairs
    ]
    assert sorted(context.spis_out) == sorted(chosen), end.name
    assert set(end.inbound) == inbound, end.name
    assert set(end.outbound) == outbound, end.name
    assert context.half_open == waiting, end.name


def _layers(stage: Any) -> list[Any]:
    layers = [stage]
    for name in ("wanted", "agreed"):
        if hasattr(layers[-1], name):
            layers.append(getattr(layers[-1], name))
    return layers


def assert_lawful(link: Link) -> None:
    """Both ends are tidy and their SAs mirror each other."""
    assert_tidy(link.left)
    assert_tidy(link.right)
    assert link.mirrored()


def assert_nothing_left(link: Link) -> None:
    """After tear-down: no SA, no timer, no cookie, no SPI at either end."""
    assert_lawful(link)
    assert link.empty()
    for end in (link.left, link.right):
        assert end.endpoint.agenda() == [], end.name
        assert not context_of(end).cookies
        assert not context_of(end).spis


def tunnel_of(end: End, number: int = 1) -> str:
    """The full name of an end's tunnel."""
    return f"{peer_of(end).spec.name}/lan{number}"


def bring_up(link: Link, end: End | None = None, number: int = 1) -> None:
    """Initiate a tunnel and wait until both ends carry it."""
    end = end or link.left
    other = link.right if end is link.left else link.left
    before = len(other.of(SaInstalled))
    link.do(end, Initiate(tunnel_of(end, number)))
    link.run_until(
        lambda: end.carrying(tunnel_of(end, number)) is not None and len(other.of(SaInstalled)) > before
    )


def tear_down(link: Link) -> None:
    """Take all tunnels of the left end down, let the Deletes arrive, and what the right end wants too."""
    for end in (link.left, link.right):
        for tunnel in peer_of(end).tunnels.values():
            link.do(end, Terminate(tunnel.name))
    link.run(1)


def pass_packets(link: Link, *, strict: bool = True) -> None:
    """One packet each way in every tunnel, on the SA that carries it, and what the planes report of that. None may go
    into the void, unless not ``strict``: while a Delete is on its way they do."""
    for sender, receiver in ((link.left, link.right), (link.right, link.left)):
        for tunnel in list(peer_of(sender).tunnels):
            half = sender.carrying(tunnel)
            if half is None:
                continue
            if half.spi not in receiver.inbound:
                assert not strict, f"{sender.name} sends {half.spi:08x} into the void"
                continue
            if half.spi not in receiver.used:
                receiver.used.add(half.spi)
                link.do(receiver, FirstUse(half.spi))
            link.do(receiver, Traffic((half.spi,)))


def soft_limit(link: Link, end: End, number: int = 1) -> None:
    """The outbound half that carries the tunnel has passed its soft byte limit."""
    half = end.carrying(tunnel_of(end, number))
    assert half is not None
    link.do(end, BytesSoft(half.spi, Direction.OUT))


def timers(end: End) -> list[Timer]:
    """The running timers, the nearest first."""
    return [timer for _, timer, _ in end.endpoint.agenda()]
