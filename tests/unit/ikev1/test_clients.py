"""Several peers under one configuration: road warriors with XAUTH and mode config, or certificates."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from ikeview.core.facts import (
    Cause,
    ConfigAssigned,
    ConfigReleased,
    PeerConfigured,
    PeerRemoved,
    Phase1Deleted,
    Phase1Established,
    TunnelUp,
)
from ikeview.core.identity import IdentityPattern
from ikeview.core.orders import Initiate, Terminate
from ikeview.core.outputs import Spot
from ikeview.core.specs import Method, ModeConfigSpec, Selector, Settings, XauthSpec
from ikeview.crypto.certificates import Trust
from ikeview.crypto.passwords import PasswordHash
from ikeview.crypto.secret import Secret
from ikeview.ikev1 import informational
from ikeview.wire.numbers import NotifyType, ProtocolId
from ikeview.wire.payloads import Notify
from tests.support.laws import assert_tidy, peer_of, tunnel_of
from tests.support.network import End, Network
from tests.support.pki import rsa_key
from tests.support.proofs import authority
from tests.support.scenes import side

NOWHERE = Selector(ip_network("0.0.0.0/32"))
OFFICE = Selector(ip_network("10.2.1.0/24"))
NAMES = ("alice", "bob", "carol")
USERS = tuple((name, PasswordHash.of(Secret(name.encode()), bytes(16))) for name in NAMES)
SERVER = {"config": ModeConfigSpec(True, pool=ip_network("10.3.0.0/29"))}


def server(**changes: Any) -> Settings:
    """The right end, which serves all who come."""
    made = side(
        left=False, remote="any", peer=SERVER | changes,
        child={"remote": NOWHERE, "remote_dynamic": True, "local": OFFICE},
    )
    [spec] = made.peers
    tunnels = tuple(replace(each, peer="road", name="office") for each in spec.tunnels)
    return replace(made, peers=(replace(spec, name="road", tunnels=tunnels),))


def client(**changes: Any) -> Settings:
    """A road warrior."""
    return side(
        left=True, peer={"config": ModeConfigSpec(False)} | changes,
        child={"local": NOWHERE, "local_dynamic": True, "remote": OFFICE},
    )


class Road:
    """A server and three road warriors on a simulated network."""

    def __init__(self, kind: str, **changes: Any) -> None:
        self.network = Network()
        common = {"auth_method": Method.XAUTH_PSK, "mode": "aggressive", "aggressive_psk": True}
        certified = {
            "auth_method": Method.RSA, "secret": None, "trust": Trust((authority().ours,)),
        }
        self.clients: list[End] = []
        group = {"remote_id": IdentityPattern.parse("any")}
        if kind == "users":
            settings = server(**common, **group, xauth=XauthSpec(True, users=USERS), **changes)
        else:
            own = authority().issue("C=CH, CN=server", rsa_key(9))
            settings = server(**certified, certificates=(own.ours,), key=own.private, **changes)
        self.server = self.network.add("right", ip_address("10.99.0.2"), settings)
        for number, name in enumerate(NAMES, 11):
            if kind == "users":
                spec = client(**common, xauth=XauthSpec(False, user=name, password=Secret(name.encode())))
            else:
                own = authority().issue(f"C=CH, CN={name}", rsa_key(number))
                spec = client(**certified, certificates=(own.ours,), key=own.private)
            self.clients.append(self.network.add(name, ip_address(f"10.99.0.{number}"), spec))

    def up(self, end: End, seconds: float = 3) -> None:
        self.network.do(end, Initiate(tunnel_of(end)))
        self.network.run(seconds)


@pytest.fixture(params=["users", "certificates"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_three_at_once_each_with_an_address_and_a_machine_of_its_own(kind: str) -> None:
    road = Road(kind)
    for end in road.clients:
        road.up(end)
        assert end.of(TunnelUp)
    assert [fact.peer for fact in road.server.of(Phase1Established)] == ["road", "road#2", "road#3"]
    assert [fact.address for fact in road.server.of(ConfigAssigned)] == ["10.3.0.1", "10.3.0.2", "10.3.0.3"]
    assert [fact.member_of for fact in road.server.of(PeerConfigured)] == ["", "road", "road"]
    assert [fact.tunnel for fact in road.server.of(TunnelUp)] == ["road/office", "road#2/office", "road#3/office"]
    selectors = {str(half.tunnel.remote) for half in road.server.inbound.values()}
    assert selectors == {"10.3.0.1/32", "10.3.0.2/32", "10.3.0.3/32"}
    assert_tidy(road.server)


def test_who_goes_is_forgotten_and_its_lease_is_not(kind: str) -> None:
    road = Road(kind)
    for end in road.clients:
        road.up(end)
    second = road.clients[1]
    road.network.do(second, Terminate(tunnel_of(second)))
    road.network.run(130)
    assert [fact.peer for fact in road.server.of(PeerRemoved)] == ["road#2"]
    assert road.server.last(ConfigReleased).address == "10.3.0.2"
    assert "road#2/office" not in road.server.protected
    road.up(second)
    assert second.last(ConfigAssigned).address == "10.3.0.2"
    assert_tidy(road.server)


def test_one_that_comes_from_another_address_replaces_its_old_self(kind: str) -> None:
    road = Road(kind)
    for end in road.clients[:2]:
        road.up(end)
    moved = road.clients[1]
    before = road.server.last(Phase1Established)
    road.network.renumber(moved, ip_address("10.99.0.77"))
    again = road.network.restart(moved)
    road.up(again)
    assert again.of(TunnelUp)
    assert road.server.last(Phase1Established).peer == "road#2"
    assert road.server.last(ConfigAssigned).address == "10.3.0.2"
    assert before.cookies in {fact.cookies for fact in road.server.of(Phase1Deleted)}
    remotes = {str(half.remote.host) for half in road.server.outbound.values()}
    assert remotes == {"10.99.0.11", "10.99.0.77"}
    # the other has noticed nothing
    assert len(road.clients[0].of(TunnelUp)) == 1


def test_unique_keep_refuses_the_newer(kind: str) -> None:
    road = Road(kind, unique="keep")
    road.up(road.clients[0])
    twin = road.network.add("twin", ip_address("10.99.0.99"), road.clients[0].settings)
    road.up(twin)
    assert not twin.of(TunnelUp)
    assert len(road.server.of(Phase1Established)) == 1
    assert road.clients[0].of(TunnelUp)


def test_unique_never_lets_both_stay(kind: str) -> None:
    road = Road(kind, unique="never")
    road.up(road.clients[0])
    twin = road.network.add("twin", ip_address("10.99.0.99"), road.clients[0].settings)
    road.up(twin)
    assert twin.of(TunnelUp)
    assert [fact.peer for fact in road.server.of(Phase1Established)] == ["road", "road#2"]
    # each with an address of its own, though they share what they call themselves
    assert [fact.address for fact in road.server.of(ConfigAssigned)] == ["10.3.0.1", "10.3.0.2"]
    assert not [fact for fact in road.server.of(Phase1Deleted) if fact.cause is Cause.NOT_UNIQUE]


def test_an_address_is_in_use_while_its_ipsec_sas_live(kind: str) -> None:
    """Also once phase 1 is gone: nobody else gets it, even if no other address is left."""
    road = Road(kind, config=ModeConfigSpec(True, pool=ip_network("10.3.0.1/32")))
    first, second = road.clients[:2]
    road.up(first)
    [sa] = peer_of(road.server).phase1.sas
    peer_of(road.server).phase1.drop(road.network.now, sa, Cause.LIFETIME)
    road.network.run(1)
    assert road.server.inbound
    road.up(second)
    assert not second.of(TunnelUp)
    assert [fact.address for fact in road.server.of(ConfigAssigned)] == ["10.3.0.1"]


def test_leases_outlive_the_server(kind: str) -> None:
    road = Road(kind)
    for end in road.clients:
        road.up(end)
    road.server = road.network.restart(road.server)
    road.network.run(1)
    third = road.network.restart(road.clients[2])
    road.up(third)
    assert third.last(ConfigAssigned).address == "10.3.0.3"


def test_settings_are_not_shared_with_the_first_of_them() -> None:
    """What the first one was given is not what the next one starts from."""
    road = Road("users")
    road.up(road.clients[0])
    road.network.do(road.clients[1], Initiate(tunnel_of(road.clients[1])))
    road.network.run(3)
    machines = road.server.endpoint._peers
    first, second = machines["road"].tunnels["road/office"], machines["road#2"].tunnels["road#2/office"]
    assert first.spec.remote != second.spec.remote
    assert replace(machines["road"].spec, name="", tunnels=()) == replace(machines["road#2"].spec, name="", tunnels=())


def test_initial_contact_before_the_user_is_known_drops_nobody_else() -> None:
    road = Road("users")
    road.up(road.clients[0])
    network, second = road.network, road.clients[1]
    # the answer with the password does not arrive yet
    network.fate = lambda sent: [] if sent.send.data[18] == 6 and sent.sender == "bob" else [(0.01, sent.send.data)]
    network.do(second, Initiate(tunnel_of(second)))
    network.run(0.4)
    [sa] = [each for each in peer_of(second).phase1.sas if not each.admitted]
    notify = Notify.of(ProtocolId.ISAKMP, NotifyType.INITIAL_CONTACT, sa.cookies.both)
    data = informational.seal(sa.keys, sa.last_block, sa.cookies, 0x4711, [notify])
    network.inject(road.server, data, remote=Spot(second.address, 500))
    network.fate = lambda sent: [(0.01, sent.send.data)]
    network.run(5)
    assert second.of(TunnelUp)
    assert not [fact for fact in road.server.of(Phase1Deleted) if fact.cause is Cause.PEER_RESTARTED]
    assert len(road.server.inbound) == 2
