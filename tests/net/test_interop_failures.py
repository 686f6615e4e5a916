"""What cannot come up: within the retry time ``ikeview up`` ends with status 1 and a sentence that names what is known.

Each test has a peer of its own; the sentences are collected in the log (``-rA`` shows them).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.net.gateway import Gateway
from tests.net.sites import Sites, give_addresses
from tests.net.strongswan import StrongSwan
from tests.net.traffic import wait_until
from tests.support.namespaces import Namespace, TwoHosts

pytestmark = pytest.mark.net

_PHASE1, _ESP = "aes256-sha256-modp2048", "aes256gcm16"
_NAMES = ("secret", "proposal1", "proposal2", "unknown", "mute", "nobody", "closed", "filtered", "selectors", "ident",
          "identity", "stranger")
_SITES = {name: Sites(number) for number, name in enumerate(_NAMES, 1)}
_FILTER_PRIORITY = 10
RETRY_SECONDS = 42.0
"""An attempt without any answer: 12 sends, the waits doubling from 0.5 s to 4 s."""


@dataclass
class Setting:
    """The two gateways on the two hosts, a peer for each test."""

    hosts: TwoHosts
    ikeview: Gateway
    strongswan: StrongSwan

    def refused(self, name: str, within: float) -> str:
        """What ``ikeview up`` says, which has to fail in time and by itself."""
        begun = time.monotonic()
        done = self.ikeview.command("up", name, "--timeout", "60")
        took = time.monotonic() - begun
        print(f"{name}: {took:.1f} s\n{done.stderr}")
        assert done.returncode == 1
        assert done.stdout == ""
        assert took < within
        sentence = done.stderr.splitlines()[0]
        assert sentence.startswith(f"{name}/lan: ")
        assert sentence.endswith(".")
        assert self.ikeview.tunnel(f"{name}/lan")["state"] != "up"
        assert self.ikeview.command("down", name).returncode == 0
        return sentence

    def refused_as_responder(self, name: str, within: float) -> str:
        """ikeview's verdict when strongSwan initiates, which has to fail."""
        self.strongswan.swanctl("--initiate", "--child", f"{name}-lan", "--timeout", "2")
        found: list[str] = []

        def failed() -> bool:
            # an exchange's peer and role stand in the fact that tells its begin
            begun = {each["exchange"] for each in self.ikeview.facts("ExchangeStarted")
                     if (each["peer"], each["role"]) == (name, "responder")}
            found[:] = [
                each["verdict"] for each in self.ikeview.facts("ExchangeFailed") if each["exchange"] in begun
            ]
            return bool(found)

        wait_until(failed, within, "ikeview has given up")
        print(f"{name}, as responder:\n{found[-1]}")
        self.strongswan.swanctl("--terminate", "--ike", name, "--force", "--timeout", "1")
        return found[-1]


@pytest.fixture(scope="module")
def setting(hosts: TwoHosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    # nobody has the right address of this one
    give_addresses(hosts, [each for name, each in _SITES.items() if name != "nobody"])
    nobody = _SITES["nobody"]
    hosts.left.ip(f"addr add {nobody.gateway(1)}/24 dev eth0", f"addr add {nobody.host(1)}/32 dev lo")
    # rules that drop have to come before the one for the host's own addresses
    hosts.right.ip(f"rule add lookup local pref {_FILTER_PRIORITY + 1}", "rule del pref 0")
    peers, connections = {}, {}
    for name, sites in _SITES.items():
        if name == "closed":
            continue
        peers[name] = sites.peer_file(name, _PHASE1, sites.tunnel_file(_ESP))
        connections[name] = sites.connection(name, _PHASE1, sites.child(_ESP, f"{name}-lan"))
    connections["secret"] = replace(connections["secret"], secret="another secret altogether")
    connections["proposal1"] = replace(connections["proposal1"], proposals="aes128-sha1-modp1024")
    connections["proposal2"].children[0].proposals = "aes128-sha256"
    connections["selectors"].children[0].remote = "10.77.0.0/16"
    # strongSwan calls itself something else, and expects something else of us
    connections["ident"] = replace(connections["ident"], local_id="gw.strongswan.test")
    connections["identity"] = replace(connections["identity"], remote_id="gw.elsewhere.test")
    for name in ("unknown", "mute", "nobody"):
        del connections[name]
    del peers["stranger"]
    folder = tmp_path_factory.mktemp("failures")
    with StrongSwan(hosts.right, folder / "strongswan", connections.values()) as strongswan, \
            Gateway(hosts.left, folder / "ikeview", peers.values()) as ikeview:
        yield Setting(hosts, ikeview, strongswan)


def test_wrong_secret(setting: Setting) -> None:
    sentence = setting.refused("secret", RETRY_SECONDS)
    assert "pre-shared key" in sentence
    assert _SITES["secret"].gateway(2) in sentence


def test_wrong_secret_as_responder(setting: Setting) -> None:
    sentence = setting.refused_as_responder("secret", 60)
    assert "pre-shared key" in sentence
    assert _SITES["secret"].gateway(2) in sentence


def test_no_common_proposal_in_phase_1(setting: Setting) -> None:
    sentence = setting.refused("proposal1", 10)
    assert "NO-PROPOSAL-CHOSEN" in sentence
    assert _PHASE1 in sentence
    assert "not authenticated" in sentence


def test_no_common_proposal_in_phase_1_as_responder(setting: Setting) -> None:
    sentence = setting.refused_as_responder("proposal1", 10)
    assert "No common proposal" in sentence
    assert "aes128-sha1-modp1024" in sentence
    assert _PHASE1 in sentence


def test_no_common_proposal_in_phase_2(setting: Setting) -> None:
    sentence = setting.refused("proposal2", 10)
    assert "NO-PROPOSAL-CHOSEN" in sentence
    assert "phase 2" in sentence
    assert _ESP in sentence


def test_no_common_proposal_in_phase_2_as_responder(setting: Setting) -> None:
    sentence = setting.refused_as_responder("proposal2", 10)
    assert "No common proposal" in sentence
    assert "aes128-sha256" in sentence
    assert _ESP in sentence


def test_peer_does_not_know_us(setting: Setting) -> None:
    """strongSwan answers a stranger with NO-PROPOSAL-CHOSEN too: both readings have to be named."""
    sentence = setting.refused("unknown", 10)
    assert "NO-PROPOSAL-CHOSEN" in sentence
    assert f"no configuration for our address {_SITES['unknown'].gateway(1)}" in sentence


def test_we_do_not_know_the_peer(setting: Setting) -> None:
    """It is told, and so is our operator."""
    done = setting.strongswan.swanctl("--initiate", "--child", "stranger-lan", "--timeout", "5")
    assert done.returncode != 0
    assert "NO_PROPOSAL_CHOSEN" in done.stdout
    dropped = [each for each in setting.ikeview.facts("MessageDropped") if each["remote"].startswith(
        _SITES["stranger"].gateway(2))]
    assert dropped[0]["reason"] == "no peer is configured for this address"
    print(dropped[0]["sentence"])


def test_selectors_mismatch(setting: Setting) -> None:
    sentence = setting.refused("selectors", 10)
    assert "INVALID-ID-INFORMATION" in sentence
    assert _SITES["selectors"].network(1) in sentence
    assert _SITES["selectors"].network(2) in sentence


def test_selectors_mismatch_as_responder(setting: Setting) -> None:
    sentence = setting.refused_as_responder("selectors", 10)
    assert sentence.startswith("Selectors differ")
    assert "10.77.0.0/16" in sentence
    assert _SITES["selectors"].network(1) in sentence


def test_peer_calls_itself_otherwise(setting: Setting) -> None:
    sentence = setting.refused("ident", 10)
    assert "gw.strongswan.test" in sentence
    assert _SITES["ident"].gateway(2) in sentence


def test_peer_expects_another_identity(setting: Setting) -> None:
    sentence = setting.refused("identity", RETRY_SECONDS + 5)
    assert f"identity {_SITES['identity'].gateway(1)}" in sentence


def test_nobody_has_the_address(setting: Setting) -> None:
    sentence = setting.refused("nobody", 15)
    assert _SITES["nobody"].gateway(2) in sentence
    assert "host unreachable" in sentence
    assert "ICMP" in sentence


@contextmanager
def _filtered(host: Namespace, address: str, port: int) -> Iterator[None]:
    """What comes to the port is dropped, and no ICMP tells so."""
    rule = f"to {address} ipproto udp dport {port} blackhole pref {_FILTER_PRIORITY}"
    host.ip(f"rule add {rule}")
    yield
    host.ip(f"rule del {rule}")


def test_silence(setting: Setting) -> None:
    """No answer at all, and an answer on UDP 500 but none on 4500: both take the whole retry time, so both at once."""
    right = setting.hosts.right
    sentences: dict[str, str] = {}

    def attempt(name: str) -> None:
        sentences[name] = setting.refused(name, RETRY_SECONDS)

    with _filtered(right, _SITES["mute"].gateway(2), 500), _filtered(right, _SITES["filtered"].gateway(2), 4500):
        threads = [threading.Thread(target=attempt, args=(name,)) for name in ("mute", "filtered")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert "No answer" in sentences["mute"]
    assert "message 1" in sentences["mute"]
    assert "12 sends" in sentences["mute"]
    assert f"{_SITES['mute'].gateway(2)}:500" in sentences["mute"]
    assert "No answer" in sentences["filtered"]
    assert "message 5" in sentences["filtered"]
    assert "UDP 4500 is blocked" in sentences["filtered"]


def test_impatient_operator(setting: Setting) -> None:
    """A command that does not wait so long says what is known by then, and the attempts go on."""
    with _filtered(setting.hosts.right, _SITES["mute"].gateway(2), 500):
        done = setting.ikeview.command("up", "mute", "--timeout", "2")
        assert done.returncode == 1
        assert "no answer" in done.stderr
        assert "message 1 of Main Mode" in done.stderr
        assert setting.ikeview.tunnel("mute/lan")["state"] == "trying"
        explained = setting.ikeview.command("explain", "mute/lan")
        assert "message 1 of Main Mode" in explained.stdout
        assert setting.ikeview.command("down", "mute").returncode == 0
        assert setting.ikeview.tunnel("mute/lan")["state"] == "down"


def test_nothing_listens(peer_program: None, tmp_path: Path) -> None:
    """The host is there and no IKE runs on it."""
    sites = _SITES["closed"]
    peer = sites.peer_file("closed", _PHASE1, sites.tunnel_file(_ESP))
    with TwoHosts() as hosts:
        give_addresses(hosts, [sites])
        with Gateway(hosts.left, tmp_path, [peer]) as ikeview:
            done = ikeview.command("up", "closed", "--timeout", "60")
    print(done.stderr)
    sentence = done.stderr.splitlines()[0]
    assert done.returncode == 1
    assert "port unreachable" in sentence
    assert f"{sites.gateway(2)}:500" in sentence
    assert "ICMP" in sentence
