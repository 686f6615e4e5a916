"""Rekeying with strongSwan, from each side and for each reason, under a running ping that loses nothing."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from tests.net.gateway import Gateway
from tests.net.sites import Sites, give_addresses
from tests.net.strongswan import StrongSwan
from tests.net.traffic import RunningPing, ping, wait_for_both, wait_until
from tests.support.namespaces import TwoHosts

pytestmark = pytest.mark.net

_PHASE1, _ESP = "aes256-sha256-modp2048", "aes256gcm16-modp2048"
_SITES = {
    name: Sites(number)
    for number, name in enumerate(
        ("ours", "theirs", "both", "ours1", "theirs1", "time-ours", "time-theirs", "time1-ours", "time1-theirs",
         "bytes-ours", "bytes-theirs", "pair", "child"),
        1,
    )
}
_SECOND = Sites(50)
"""The networks of the second tunnel of ``pair``."""


@dataclass
class Setting:
    """The two gateways on the two hosts, a peer for each test."""

    hosts: TwoHosts
    ikeview: Gateway
    strongswan: StrongSwan

    def up(self, name: str) -> None:
        """Bring a peer's tunnel up from our side."""
        self.ikeview.up(f"{name}/lan")
        wait_for_both(self.ikeview, self.strongswan, f"{name}/lan")

    @contextmanager
    def pinged(self, *names: str) -> Iterator[None]:
        """Pings in both directions through the peers' tunnels; at the end every one must have been answered."""
        running: list[RunningPing] = []
        with ExitStack() as stack:
            for name in names:
                here, there = _SITES[name].host(1), _SITES[name].host(2)
                running.append(stack.enter_context(RunningPing(self.hosts.left, here, there)))
                running.append(stack.enter_context(RunningPing(self.hosts.right, there, here)))
            yield
            wait_until(lambda: all(each.sent > 50 for each in running), 5, "some echo requests have left")
        assert [each.lost for each in running] == [[] for _ in running]

    def settled(self, name: str, rekeys: int) -> bool:
        """Whether so many rekeys have been made and the old SA is gone."""
        tunnel = self.ikeview.tunnel(f"{name}/lan")
        return tunnel["rekeys"] >= rekeys and len(tunnel["sas"]) == 1

    def single_there(self, name: str) -> bool:
        """Whether strongSwan has one ISAKMP SA with one IPsec SA under it."""
        return [len(each.children) for each in self.strongswan.of(name)] == [1]

    def whys(self, name: str) -> list[str]:
        """Why the tunnel's SAs were replaced."""
        return [each["why"] for each in self.ikeview.facts("SaReplaced") if each["tunnel"] == f"{name}/lan"]

    def cookies(self, name: str) -> str:
        """What names the peer's current ISAKMP SA."""
        phase1 = self.ikeview.tunnel(f"{name}/lan")["phase1"]
        return str(phase1["cookies"]) if phase1 else ""


@pytest.fixture(scope="module")
def setting(hosts: TwoHosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    give_addresses(hosts, [*_SITES.values(), _SECOND])
    tunnel_more = {
        # the margin is at most half the lifetime: the rekey comes after 15 to 30 s
        "time-ours": ('lifetime = "60s"', 'rekey_margin = "59s"'),
        "bytes-ours": ('lifebytes = "256kB"',),
    }
    child_more = {
        "time-theirs": ("rekey_time = 6s", "life_time = 120s", "rand_time = 0s"),
        "bytes-theirs": ("rekey_bytes = 200000", "life_bytes = 400000", "rand_bytes = 0"),
    }
    connection_more = {"time1-theirs": ("reauth_time = 8s", "over_time = 60s", "rand_time = 0s")}
    peers, connections = [], []
    for name, sites in _SITES.items():
        tunnels = [sites.tunnel_file(_ESP, more=tunnel_more.get(name, ()))]
        children = [sites.child(_ESP, f"{name}-lan", child_more.get(name, ()))]
        if name == "pair":
            tunnels.append(_SECOND.tunnel_file("aes128-sha256", name="second"))
            children.append(_SECOND.child("aes128-sha256", "pair-second"))
        lifetime = ('lifetime = "60s"',) if name == "time1-ours" else ()
        peers.append(sites.peer_file(name, _PHASE1, *tunnels, phase1_lines=lifetime))
        connections.append(sites.connection(name, _PHASE1, *children, more=connection_more.get(name, ())))
    folder = tmp_path_factory.mktemp("rekey")
    with StrongSwan(hosts.right, folder / "strongswan", connections) as strongswan, \
            Gateway(hosts.left, folder / "ikeview", peers) as ikeview:
        yield Setting(hosts, ikeview, strongswan)


def test_rekey_from_our_side(setting: Setting) -> None:
    setting.up("ours")
    with setting.pinged("ours"):
        for number in (1, 2):
            assert setting.ikeview.command("rekey", "ours/lan").returncode == 0
            # until the old SA has been deleted, at both ends
            wait_until(partial(setting.settled, "ours", number), 15, "one SA is left")
            wait_until(partial(setting.single_there, "ours"), 5, "and one there")
    assert setting.whys("ours") == ["operator", "operator"]


def test_rekey_from_their_side_and_from_both_at_once(setting: Setting) -> None:
    """strongSwan leaves replaced SAs alone, and ikeview is in no hurry with what the peer has replaced: both peers of
    this test have to wait for that, and do it together."""
    ikeview, strongswan = setting.ikeview, setting.strongswan
    setting.up("theirs")
    setting.up("both")
    with setting.pinged("theirs", "both"):
        assert strongswan.swanctl("--rekey", "--child", "theirs-lan").returncode == 0
        other = threading.Thread(target=strongswan.swanctl, args=("--rekey", "--child", "both-lan"))
        other.start()
        assert ikeview.command("rekey", "both/lan").returncode == 0
        other.join()
        wait_until(lambda: ikeview.tunnel("both/lan")["rekeys"] >= 2, 5, "both rekeys are through")
        wait_until(lambda: setting.settled("theirs", 1), 45, "the replaced SA is gone")
        wait_until(lambda: setting.settled("both", 2), 10, "one SA is left")
        for name in ("theirs", "both"):
            wait_until(partial(setting.single_there, name), 5, "and one there")
    assert setting.whys("theirs") == ["peer"]
    assert sorted(setting.whys("both")) == ["operator", "peer"]


def test_renewal_of_phase_1_from_our_side(setting: Setting) -> None:
    setting.up("ours1")
    before = setting.cookies("ours1")
    with setting.pinged("ours1"):
        assert setting.ikeview.command("rekey", "ours1", "--phase", "1").returncode == 0
        assert setting.cookies("ours1") not in ("", before)
        wait_until(lambda: len(setting.strongswan.of("ours1")) == 1, 15, "strongSwan has one ISAKMP SA")
        # the tunnel lives on under the new one
        assert setting.ikeview.command("rekey", "ours1/lan").returncode == 0
        wait_until(lambda: setting.settled("ours1", 1), 15, "the SA was rekeyed under the new phase 1")


def test_renewal_of_phase_1_from_their_side(setting: Setting) -> None:
    setting.up("theirs1")
    before = setting.cookies("theirs1")
    with setting.pinged("theirs1"):
        assert setting.strongswan.swanctl("--rekey", "--ike", "theirs1").returncode == 0
        wait_until(lambda: setting.cookies("theirs1") not in ("", before), 10, "there is a new ISAKMP SA")
        assert setting.ikeview.tunnel("theirs1/lan")["phase1"]["role"] == "responder"
        assert setting.ikeview.command("rekey", "theirs1/lan").returncode == 0
        wait_until(lambda: setting.settled("theirs1", 1), 15, "the SA was rekeyed under the new phase 1")
    assert setting.ikeview.tunnel("theirs1/lan")["state"] == "up"


def test_lifetimes_in_time(setting: Setting) -> None:
    """Phase 2 by ikeview's and by strongSwan's clock, phase 1 by each too, all at once: the longest takes 54 s."""
    names = ("time-ours", "time-theirs", "time1-ours", "time1-theirs")
    for name in names:
        setting.up(name)
    first = {name: setting.cookies(name) for name in names}
    with setting.pinged(*names):
        wait_until(lambda: "peer" in setting.whys("time-theirs"), 15, "strongSwan rekeys phase 2")
        wait_until(lambda: setting.cookies("time1-theirs") != first["time1-theirs"], 15, "strongSwan renews phase 1")
        wait_until(lambda: "time" in setting.whys("time-ours"), 35, "ikeview rekeys phase 2")
        wait_until(lambda: setting.cookies("time1-ours") != first["time1-ours"], 60, "ikeview renews phase 1")
    for name in names:
        assert setting.ikeview.tunnel(f"{name}/lan")["state"] in ("up", "rekeying")
        # for the tests after this one they are in the way
        assert setting.ikeview.command("down", name).returncode == 0


@pytest.mark.parametrize(("name", "why"), [("bytes-ours", "bytes"), ("bytes-theirs", "peer")])
def test_lifetimes_in_bytes(setting: Setting, name: str, why: str) -> None:
    """An SA for some hundred kB and a ping of 200 kB/s: each lives for a second or two."""
    setting.up(name)
    here, there = _SITES[name].host(1), _SITES[name].host(2)
    with RunningPing(setting.hosts.left, here, there, size=1000) as running:
        wait_until(lambda: setting.whys(name).count(why) >= 3, 30, "three rekeys by bytes")
    assert running.sent > 50
    assert running.lost == []
    assert setting.ikeview.command("down", name).returncode == 0


def test_two_tunnels_on_one_phase_1(setting: Setting) -> None:
    left, ikeview, strongswan = setting.hosts.left, setting.ikeview, setting.strongswan
    assert ikeview.command("up", "pair").returncode == 0
    for name in ("pair/lan", "pair/second"):
        wait_for_both(ikeview, strongswan, name)
    ping(left, _SITES["pair"].host(1), _SITES["pair"].host(2))
    ping(left, _SECOND.host(1), _SECOND.host(2))
    [listed] = strongswan.of("pair")
    assert sorted(child["name"] for child in listed.children) == ["pair-lan", "pair-second"]
    first, second = ikeview.tunnel("pair/lan"), ikeview.tunnel("pair/second")
    assert first["phase1"]["cookies"] == second["phase1"]["cookies"]

    with setting.pinged("pair"):
        assert ikeview.command("down", "pair/second").returncode == 0
        wait_until(lambda: [each["name"] for each in strongswan.of("pair")[0].children] == ["pair-lan"], 5, "one child")
        assert ikeview.tunnel("pair/second")["state"] == "down"
        assert setting.cookies("pair") == first["phase1"]["cookies"]

    assert ikeview.command("down", "pair/lan").returncode == 0
    wait_until(lambda: not strongswan.of("pair"), 5, "strongSwan has nothing left")
    assert ikeview.tunnel("pair/lan")["phase1"] is None


def test_their_delete_of_one_sa(setting: Setting) -> None:
    """The tunnel is down and stays down, phase 1 stays, and the tunnel comes up again under it."""
    setting.up("child")
    cookies = setting.cookies("child")
    assert setting.strongswan.swanctl("--terminate", "--child", "child-lan").returncode == 0
    wait_until(lambda: setting.ikeview.tunnel("child/lan")["state"] == "down", 5, "the tunnel is down")
    tunnel = setting.ikeview.tunnel("child/lan")
    assert (tunnel["cause"], tunnel["sas"]) == ("deleted by the peer", [])
    assert setting.cookies("child") == cookies
    setting.up("child")
    ping(setting.hosts.right, _SITES["child"].host(2), _SITES["child"].host(1))
    assert setting.cookies("child") == cookies
