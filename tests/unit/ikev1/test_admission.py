"""XAUTH and mode config between phase 1 and its use: both roles, both ways round, and what is refused."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from ikeview.core.facts import (
    Cause,
    ConfigAssigned,
    ConfigReleased,
    DropReason,
    ExchangeStarted,
    Phase1Established,
    RowSent,
    RowTaken,
    TunnelConfigured,
    TunnelDown,
    TunnelUp,
    UserAuthenticated,
    UserRefused,
)
from ikeview.core.identity import IdentityPattern
from ikeview.core.orders import Initiate, RenewPhase1, Terminate
from ikeview.core.policy import Policy
from ikeview.core.specs import Method, ModeConfigSpec, Selector, XauthSpec
from ikeview.crypto.passwords import PasswordHash
from ikeview.crypto.secret import Secret
from tests.support.ladder_dsl import QUICK_MODE, Tap
from tests.support.laws import peer_of, tunnel_of
from tests.support.link import Link
from tests.support.scenes import link, side

PASSWORD = Secret(b"open sesame")
USERS = (("alice", PasswordHash.of(PASSWORD, bytes(16))), ("bob", PasswordHash.of(Secret(b"b"), bytes(16))))
CLIENT = XauthSpec(False, user="alice", password=PASSWORD)
SERVER = XauthSpec(True, users=USERS)
POOL = ip_network("10.3.0.0/29")
NOWHERE = Selector(ip_network("0.0.0.0/32"))
GIVES = ModeConfigSpec(
    True, pool=POOL, dns=(ip_address("10.2.0.53"),), domain="example.test", banner="welcome",
    split_include=(ip_network("10.2.0.0/16"),),
)


def users(mode: str = "main", client: XauthSpec = CLIENT, server: XauthSpec = SERVER) -> Link:
    """The left end is the client."""
    common = {"auth_method": Method.XAUTH_PSK, "mode": mode, "aggressive_psk": True}
    return link(left={**common, "xauth": client}, right={**common, "xauth": server})


def start(some: Link, seconds: float = 2) -> None:
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(seconds)


XAUTH = """
    right > * HASH ATTR
    left > * HASH ATTR
    right > * HASH ATTR
    left > * HASH ATTR
"""


@pytest.mark.parametrize("mode", ["main", "aggressive"])
def test_the_user_is_asked_for_before_phase_2(mode: str) -> None:
    some = users(mode)
    tap = Tap(some)
    start(some)
    first = 6 if mode == "main" else 3
    tap.lines = tap.lines[first:]
    tap.expect(XAUTH + QUICK_MODE)
    assert some.left.of(TunnelUp)
    assert some.right.of(TunnelUp)
    assert some.right.last(UserAuthenticated) == UserAuthenticated("left", "alice", True)
    assert some.left.last(UserAuthenticated) == UserAuthenticated("right", "alice", False)
    assert some.left.last(Phase1Established).auth == "xauth-psk"
    kinds = [fact.kind for fact in some.left.of(ExchangeStarted)]
    assert kinds[1:] == ["XAUTH", "XAUTH", "Quick Mode"]
    assert some.mirrored()


@pytest.mark.parametrize(
    ("user", "password"), [("alice", b"wrong"), ("mallory", b"open sesame"), ("alice", b""), ("", b"x")]
)
def test_a_wrong_user_or_password_is_told_and_ends_phase_1(user: str, password: bytes) -> None:
    some = users(client=XauthSpec(False, user=user, password=Secret(password)))
    start(some, 4)
    assert not some.left.of(TunnelUp)
    assert not some.left.of(Phase1Established)
    assert not some.right.of(Phase1Established)
    assert some.right.last(UserRefused).user == user
    assert some.left.last(UserRefused).user == user
    down = some.left.last(TunnelDown)
    assert down.cause is Cause.USER
    assert not peer_of(some.right).phase1.sas
    assert not peer_of(some.left).phase1.sas
    assert some.empty()


@pytest.mark.parametrize("config", [False, True])
def test_the_client_waits_a_moment_before_what_follows(config: bool) -> None:
    """A server that looks at datagrams in several threads may take what follows first."""
    some = road(auth_method=Method.XAUTH_PSK) if config else users()
    for end, spec in ((some.left, CLIENT), (some.right, SERVER)):
        peer = peer_of(end)
        peer.spec = replace(peer.spec, xauth=spec)
    start(some)
    assert some.left.of(TunnelUp)
    sent = [each.at for each in some.wire if each.sender == "left" and each.send.data[18] in (6, 32)]
    # the answer with the password, the last word, and what follows
    assert sent[2] - sent[1] >= Policy().after_xauth - 1e-6


def test_the_password_is_in_no_fact() -> None:
    some = users()
    start(some)
    for end in (some.left, some.right):
        for fact in end.facts:
            assert "open sesame" not in repr(fact)
    told = [note for fact in some.left.of(RowSent) for note in fact.notes]
    assert "REPLY USER-NAME, USER-PASSWORD" in told


@pytest.mark.parametrize("lost", range(4))
def test_each_message_of_xauth_lost_once(lost: int) -> None:
    some = users()
    tap = Tap(some)
    tap.lose(*([False] * (6 + lost)), True)
    start(some, 10)
    assert some.left.of(TunnelUp)
    assert len(some.right.of(UserAuthenticated)) == 1


def test_the_last_message_of_aggressive_mode_lost_before_xauth() -> None:
    some = users("aggressive")
    tap = Tap(some)
    tap.lose(False, False, True)
    start(some, 5)
    assert some.left.of(TunnelUp)


def test_quick_mode_waits_for_the_user() -> None:
    some = users(server=XauthSpec(True, users=USERS))
    some.fate = lambda sent: [] if sent.send.data[18] == 6 else [(0.01, sent.send.data)]
    start(some, 20)
    assert not some.left.of(TunnelUp)
    assert all(fact.kind != "Quick Mode" for fact in some.left.of(ExchangeStarted))
    some.run(40)
    assert some.left.of(TunnelDown)[0].cause in (Cause.USER, Cause.PEER_DELETED)
    some.run(60)
    assert all(not sa.admitted for sa in peer_of(some.right).phase1.sas)


# -- mode config -------------------------------------------------------------------------------------------------------


def road(*, push: bool = False, pool: Any = POOL, config: Any = None, count: int = 1, **peer: Any) -> Link:
    """The left end has no selector of its own until the right one gives it one."""
    gives = config or replace(GIVES, push=push, pool=pool)
    left = side(left=True, peer={"config": ModeConfigSpec(False, push=push), **peer}, child={
        "local": NOWHERE, "local_dynamic": True, "remote": Selector(ip_network("10.2.1.0/24")),
    })
    right = side(left=False, remote="any", peer={"config": gives, **peer}, child={
        "remote": NOWHERE, "remote_dynamic": True, "local": Selector(ip_network("10.2.1.0/24")),
    })
    return Link(left, right)


@pytest.mark.parametrize("push", [False, True])
def test_an_address_is_given_and_becomes_the_selector(push: bool) -> None:
    some = road(push=push)
    assert not some.left.protected
    start(some)
    assert some.left.of(TunnelUp)
    assert some.right.of(TunnelUp)
    given = some.left.last(ConfigAssigned)
    assert given == ConfigAssigned(
        "right", False, "10.3.0.1", "255.255.255.248", ("10.2.0.53",), "example.test", "welcome", ("10.2.0.0/16",), ()
    )
    assert some.right.last(ConfigAssigned).address == "10.3.0.1"
    assert some.left.last(TunnelConfigured).local == "10.3.0.1/32"
    assert some.right.last(TunnelConfigured).remote == "10.3.0.1/32"
    assert some.left.protected
    assert str(some.left.carrying("right/lan1").tunnel.local) == "10.3.0.1/32"
    assert some.mirrored()


@pytest.mark.parametrize("one", [False, True], ids=["anybody", "one identity"])
def test_the_lease_is_kept_over_a_restart_and_a_renewal(one: bool) -> None:
    some = road()
    if one:
        peer = peer_of(some.right)
        peer.spec = replace(peer.spec, remote_id=IdentityPattern.parse("10.99.0.1"))
        assert not peer.spec.many
    start(some)
    assert some.right.leases == {"left": (("10.99.0.1", ip_address("10.3.0.1")),)}
    some.do(some.left, RenewPhase1("right"))
    some.run(2)
    assert [fact.address for fact in some.left.of(ConfigAssigned)] == ["10.3.0.1", "10.3.0.1"]
    assert not some.left.of(TunnelDown)
    assert not some.left.of(ConfigReleased)
    some.do(some.left, Terminate(tunnel_of(some.left)))
    some.run(1)
    assert some.left.last(ConfigReleased).address == "10.3.0.1"
    start(some)
    assert some.left.last(ConfigAssigned).address == "10.3.0.1"


def test_a_pool_that_is_used_up_gives_nothing_and_says_so() -> None:
    some = road(config=replace(GIVES, pool=ip_network("10.3.0.1/32")))
    some.right.endpoint._context.leases["left"] = {}
    clients = peer_of(some.right).clients
    clients.addresses = lambda but: {ip_address("10.3.0.1")}  # type: ignore[method-assign]
    start(some, 5)
    down = some.left.last(TunnelDown)
    assert down.cause is Cause.NO_CONFIG
    assert "no address" in down.detail
    assert not some.left.of(TunnelUp)


def test_a_server_that_has_no_mode_config_is_given_up() -> None:
    some = road()
    peer = peer_of(some.right)
    peer.spec = replace(peer.spec, config=None)
    start(some, 40)
    assert some.left.last(TunnelDown).cause is Cause.NO_CONFIG
    assert DropReason.SWITCHED_OFF in {fact.reason for fact in some.right.facts if hasattr(fact, "reason")}


def test_user_and_address_together() -> None:
    some = road(auth_method=Method.XAUTH_PSK, xauth=None)
    for end, spec in ((some.left, CLIENT), (some.right, SERVER)):
        peer = peer_of(end)
        peer.spec = replace(peer.spec, xauth=spec)
    start(some)
    assert some.left.of(TunnelUp)
    assert some.right.leases == {"left": (("alice", ip_address("10.3.0.1")),)}
    # the reader sees which attributes went, not what was in them
    notes = [note for fact in some.right.of(RowTaken) for note in fact.notes]
    assert any(note.startswith("REQUEST INTERNAL-IP4-ADDRESS") for note in notes)
