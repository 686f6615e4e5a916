"""Road warriors of one configuration, and addresses that change: each client gets an address of its own, one that comes
again from elsewhere replaces its old self, and when our own address changes the tunnel comes up from the new one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from ikeview.crypto.passwords import PasswordHash
from ikeview.crypto.secret import Secret
from tests.net.gateway import Gateway, PeerFile, TunnelFile
from tests.net.strongswan import SECRET, Child, Connection, StrongSwan
from tests.net.traffic import RunningPing, ping, wait_until
from tests.support.namespaces import ThreeHosts

pytestmark = pytest.mark.net

_PHASE1, _ESP = "aes256-sha256-modp2048", "aes256gcm16"
_SERVER, _NETWORK, _HOST = "10.98.1.1", "10.150.1.0/24", "10.150.1.1"
_POOL, _DNS = "10.150.3.0/29", "10.150.1.53"
_PUBLIC = "10.97.1.2"
_PEOPLE = {"ann": "10.99.1.2", "bob": "10.99.2.2", "eve": "10.99.3.2"}
_ELSEWHERE = "192.168.1.254"
"""Where the router itself speaks to the server from."""
_OLD, _NEW, _PEER, _BEHIND = "10.98.2.1", "10.98.3.1", "10.99.8.2", "10.151.2.1"
_OUR_HOST = "10.151.1.1"


@dataclass
class Setting:
    """ikeview on the left, three clients on the right behind the router, of which one will come from the router."""

    hosts: ThreeHosts
    ikeview: Gateway
    strongswan: StrongSwan
    elsewhere: StrongSwan

    def up(self) -> dict[str, dict[str, Any]]:
        """The tunnels that are up and given an address, by user."""
        return {
            each["phase1"]["user"]: each for each in self.ikeview.status()["tunnels"]
            if each["state"] == "up" and each["phase1"] and each["phase1"]["user"]
        }


def _connection(user: str, address: str) -> Connection:
    return Connection(
        user, address, _SERVER, _PHASE1, [Child(f"{user}-lan", "dynamic", _NETWORK, _ESP)], f"{user}.people.test",
        "server.test", SECRET, ("aggressive = yes", "vips = 0.0.0.0"),
        (("auth = psk",), ("auth = xauth", f"xauth_id = {user}")), users=((user, f"password of {user}"),),
    )


@pytest.fixture(scope="module")
def setting(peer_program: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    folder = tmp_path_factory.mktemp("people")
    stored = {
        user: PasswordHash.of(Secret(f"password of {user}".encode()), user.encode() * 5).text() for user in _PEOPLE
    }
    people = PeerFile(
        "people", _SERVER, "any", (_PHASE1,), [TunnelFile("lan", _NETWORK, "dynamic", (_ESP,))],
        more=('mode = "aggressive"', 'role = "responder"', 'local_id = "fqdn:server.test"',
              'remote_id = "fqdn:*.people.test"', 'unique = "replace"'),
        auth=('method = "xauth-psk"', "aggressive_psk = true"),
        tables=('[xauth]\nrole = "server"\nusers_file = "../secrets/users"',
                f'[config]\nrole = "server"\npool = "{_POOL}"\ndns = ["{_DNS}"]',
                '[keepalive]\naction = "clear"'),
    )
    office = PeerFile(
        "office", "any", _PEER, (_PHASE1,), [TunnelFile("lan", "10.151.1.0/24", "10.151.2.0/24", (_ESP,))],
        more=('mode = "aggressive"', 'local_id = "fqdn:home.test"', 'remote_id = "fqdn:office.test"',
              'role = "initiator"'),
        tables=('[keepalive]\ninterval = "1s"\ntimeout = "4s"',),
    )
    there = Connection(
        "office", _PEER, "%any", _PHASE1, [Child("office-lan", "10.151.2.0/24", "10.151.1.0/24", _ESP)], "office.test",
        "home.test", more=("aggressive = yes",),
    )
    connections = [*(_connection(user, address) for user, address in _PEOPLE.items()), there]
    files = {"secrets/users": "".join(f"{user}:{text}\n" for user, text in stored.items()).encode()}
    with ThreeHosts() as hosts:
        hosts.left.ip(
            f"addr add {_SERVER}/32 dev eth0", "addr add 192.168.1.1/24 dev eth0", f"addr add {_HOST}/32 dev lo",
            f"addr add {_OUR_HOST}/32 dev lo", f"addr add {_OLD}/32 dev eth0",
            f"route add default via 192.168.1.254 src {_OLD}",
        )
        hosts.right.ip(
            *(f"addr add {address}/32 dev eth0" for address in (*_PEOPLE.values(), _PEER)),
            "addr add 192.168.2.1/24 dev eth0", f"addr add {_BEHIND}/32 dev lo", "route add default via 192.168.2.254",
        )
        hosts.router.ip(
            "addr add 192.168.1.254/24 dev eth-left", "addr add 192.168.2.254/24 dev eth-right",
            "route add 10.98.0.0/16 via 192.168.1.1", "route add 10.99.0.0/16 via 192.168.2.1",
        )
        hosts.filter(f"""
            table ip nat {{
                chain after {{
                    type nat hook postrouting priority 100
                    ip saddr {{ {', '.join(_PEOPLE.values())} }} ip protocol udp snat to {_PUBLIC}:20000-40000 random
                }}
            }}
        """)
        with StrongSwan(hosts.right, folder / "strongswan", connections) as strongswan, \
                StrongSwan(hosts.router, folder / "elsewhere", [_connection("bob", _ELSEWHERE)]) as elsewhere, \
                Gateway(hosts.left, folder / "ikeview", [people, office], files) as ikeview:
            yield Setting(hosts, ikeview, strongswan, elsewhere)


def _initiate(strongswan: StrongSwan, user: str) -> str:
    """Bring a client up; gives its address."""
    done = strongswan.swanctl("--initiate", "--child", f"{user}-lan", "--timeout", "20")
    assert done.returncode == 0, done.stdout
    [listed] = strongswan.of(user)
    found = re.fullmatch(r"\[(10\.150\.3\.\d+)/32\]", listed.children[-1]["local-ts"])
    assert found
    return found[1]


def test_people(setting: Setting) -> None:
    left, right, ikeview = setting.hosts.left, setting.hosts.right, setting.ikeview
    given = {user: _initiate(setting.strongswan, user) for user in _PEOPLE}
    assert len(set(given.values())) == len(_PEOPLE), "each has an address of its own"
    wait_until(lambda: set(setting.up()) == set(_PEOPLE), 10, "all three are up")
    for user, address in given.items():
        ping(right, address, _HOST)
        ping(left, _HOST, address)
        tunnel = setting.up()[user]
        assert tunnel["remote"] == f"{address}/32"
        assert tunnel["phase1"]["remote"].startswith(f"{_PUBLIC}:")
        assert len(tunnel["sas"]) == 1
    assert len({each["phase1"]["remote"] for each in setting.up().values()}) == len(_PEOPLE), "each by its own port"

    # bob comes again, from elsewhere, while his old self is still there
    with RunningPing(right, given["ann"], _HOST) as others:
        assert _initiate(setting.elsewhere, "bob") == given["bob"], "a user gets the same address again"
        ping(setting.hosts.router, given["bob"], _HOST)
        ping(left, _HOST, given["bob"])
        wait_until(lambda: not setting.strongswan.of("bob"), 10, "his old self has been told to go")
        wait_until(lambda: others.sent > 50, 5, "some echo requests have left")
    assert others.lost == []
    up = setting.up()
    assert set(up) == set(_PEOPLE)
    assert up["bob"]["phase1"]["remote"].startswith(f"{_ELSEWHERE}:")
    assert [each["user"] for each in ikeview.facts("UserAuthenticated")] == [*_PEOPLE, "bob"]

    for user, daemon in (("ann", setting.strongswan), ("eve", setting.strongswan), ("bob", setting.elsewhere)):
        assert daemon.swanctl("--terminate", "--ike", user, "--timeout", "10").returncode == 0
    wait_until(lambda: not setting.up(), 10, "all are gone")
    members = [each for each in ikeview.status()["tunnels"] if each["member_of"]]
    assert len(members) < len(_PEOPLE), "members are not kept for ever"


def test_leases_outlive_a_restart(setting: Setting) -> None:
    before = _initiate(setting.strongswan, "eve")
    assert setting.ikeview.stop() == 0
    wait_until(lambda: not setting.strongswan.of("eve"), 10, "eve has been told to go")
    setting.ikeview.start()
    assert _initiate(setting.strongswan, "ann") != before
    assert _initiate(setting.strongswan, "eve") == before
    for user in ("ann", "eve"):
        setting.strongswan.swanctl("--terminate", "--ike", user, "--timeout", "10")


def test_our_own_address_changes(setting: Setting) -> None:
    """The old one is taken away under a tunnel that is up."""
    left, right, ikeview = setting.hosts.left, setting.hosts.right, setting.ikeview
    ikeview.up("office/lan")
    wait_until(lambda: setting.strongswan.of("office"), 5, "it is up there")
    ping(left, _OUR_HOST, _BEHIND)
    assert ikeview.tunnel("office/lan")["phase1"]["local"].startswith(f"{_OLD}:")
    left.ip(
        f"addr add {_NEW}/32 dev eth0", f"route replace default via 192.168.1.254 src {_NEW}",
        f"addr del {_OLD}/32 dev eth0",
    )

    def moved() -> bool:
        phase1 = ikeview.tunnel("office/lan")["phase1"]
        return phase1 is not None and phase1["local"].startswith(f"{_NEW}:")

    wait_until(moved, 20, "there is a new phase 1 from the new address")
    wait_until(lambda: _answers(setting), 10, "packets go through again")
    ping(right, _BEHIND, _OUR_HOST)
    assert ikeview.command("down", "office").returncode == 0


def _answers(setting: Setting) -> bool:
    words = ("ping", "-n", "-q", "-c", "1", "-W", "1", "-I", _OUR_HOST, _BEHIND)
    return setting.hosts.left.run(*words).returncode == 0
