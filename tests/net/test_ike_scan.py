"""What a stranger gets out of the responder, asked by ike-scan: what it should, and not more than that."""

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.net.capture import Capture
from tests.net.gateway import Gateway, PeerFile, TunnelFile
from tests.net.traffic import wait_until
from tests.support.namespaces import TwoHosts, need_namespaces
from tests.support.requirements import need

pytestmark = pytest.mark.net

_US = {"main": "10.99.1.1", "aggressive": "10.99.2.1", "wanted": "10.99.3.1", "other": "10.99.4.1"}
"""A peer for each: two in Main Mode, two in Aggressive Mode, of which one wants that with a pre-shared key."""
_ASKER = "10.99.9.2"
_STRANGER = "10.99.8.2"
_TRANSFORM = "--trans=(1=7,14=256,2=4,3=1,4=14)"
"""AES-256, SHA-256, pre-shared key, group 14."""
_VENDORS = {
    "4048b7d56ebce88525e7de7f00d6c2d3": "fragmentation", "afcad71368a1f1c96b8696fc77570100": "DPD",
    "4a131c81070358455c5728f20e95452f": "NAT traversal",
}
_MOST = 1.5
_SILENCE = 3.0
"""Seconds for which a responder that repeats itself would be seen to."""


@dataclass
class Scanned:
    """What ike-scan says, and how many octets of UDP went to and fro."""

    text: str
    asked: int
    answered: int
    answers: int


@dataclass
class Setting:
    """ikeview on the left host, with its peers, and the asker on the right one."""

    hosts: TwoHosts
    ikeview: Gateway

    def scan(self, name: str, *words: str, source: str = _ASKER, silence: float = 0.0) -> Scanned:
        """One question; for ``silence`` seconds more it is seen what else comes."""
        with Capture(self.hosts.left) as captured:
            done = self.hosts.right.run(
                "ike-scan", "--nodns", "--multiline", "--retry=1", "--timeout=700", f"--bindip={source}", *words,
                _US[name],
            )
            time.sleep(silence)
        datagrams = captured.ike()
        answers = [data for frame, data in datagrams if frame.outgoing]
        asked = sum(len(data) for frame, data in datagrams if not frame.outgoing)
        return Scanned(done.stdout + done.stderr, asked, sum(map(len, answers)), len(answers))


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    need_namespaces()
    need(shutil.which("ike-scan") is not None, "ike-scan is not installed")
    peers = []
    for number, (name, address) in enumerate(_US.items(), 1):
        more, auth = [], []
        if name in ("aggressive", "wanted"):
            more = ['mode = "aggressive"', f'local_id = "fqdn:{name}.test"', 'remote_id = "fqdn:asker.test"']
        if name == "wanted":
            auth = ["aggressive_psk = true"]
        peers.append(PeerFile(
            name, address, _ASKER, ("aes256-sha256-modp2048",),
            [TunnelFile("lan", f"10.101.{number}.0/24", f"10.102.{number}.0/24", ("aes256gcm16",))],
            more=tuple(more), auth=tuple(auth),
        ))
    with TwoHosts() as hosts:
        hosts.left.ip(*(f"addr add {address}/16 dev eth0" for address in _US.values()))
        hosts.right.ip(*(f"addr add {address}/16 dev eth0" for address in (_ASKER, _STRANGER)))
        with Gateway(hosts.left, tmp_path_factory.mktemp("scan"), peers) as ikeview:
            yield Setting(hosts, ikeview)


def _asked_vendors() -> list[str]:
    return [f"--vendor={each}" for each in _VENDORS]


def test_main_mode(setting: Setting) -> None:
    seen = setting.scan("main", _TRANSFORM, *_asked_vendors(), silence=_SILENCE)
    assert "Main Mode Handshake returned" in seen.text
    assert "SA=(Enc=AES KeyLength=256 Hash=SHA2-256 Auth=PSK Group=14:modp2048" in seen.text
    told = re.findall(r"VID=([0-9a-f]+)", seen.text)
    for vendor, name in _VENDORS.items():
        assert any(each.startswith(vendor) for each in told), name
    assert seen.answers == 1, "a responder does not repeat itself"
    assert seen.answered <= _MOST * seen.asked


def test_main_mode_without_vendor_ids(setting: Setting) -> None:
    """The smallest first message there is."""
    seen = setting.scan("main", _TRANSFORM)
    assert "Main Mode Handshake returned" in seen.text
    assert seen.answers == 1
    assert seen.answered <= _MOST * seen.asked


def test_nothing_in_common(setting: Setting) -> None:
    seen = setting.scan("main", "--trans=(1=5,2=1,3=1,4=2)")
    assert "NO-PROPOSAL-CHOSEN" in seen.text
    assert seen.answers == 1
    assert seen.answered <= _MOST * seen.asked


def test_method_of_another_kind(setting: Setting) -> None:
    """The algorithms fit, RSA signatures do not."""
    words = "other", "--trans=(1=7,14=256,2=4,3=3,4=14)"
    # strangers are told something only so often
    wait_until(lambda: "NO-PROPOSAL-CHOSEN" in setting.scan(*words).text, 10, "it is refused")


def test_refusals_are_told_once(setting: Setting) -> None:
    """Anybody can ask in the peer's name: the second time in a row there is no answer."""
    assert "NO-PROPOSAL-CHOSEN" not in setting.scan("main", "--trans=(1=5,2=1,3=1,4=2)").text


def test_stranger(setting: Setting) -> None:
    seen = setting.scan("main", _TRANSFORM, source=_STRANGER)
    assert "Handshake returned" not in seen.text
    assert seen.answered <= _MOST * seen.asked


@pytest.mark.parametrize("name", ["main", "aggressive"])
def test_aggressive_mode_is_refused(setting: Setting, name: str) -> None:
    """With a pre-shared key and unless the configuration wants it: no hash to guess at."""
    seen = setting.scan(name, "--aggressive", "--id=asker.test", "--idtype=2", "--dhgroup=14", _TRANSFORM)
    assert "Handshake returned" not in seen.text
    assert seen.answered <= _MOST * seen.asked


def test_aggressive_mode_that_is_wanted(setting: Setting) -> None:
    seen = setting.scan(
        "wanted", "--aggressive", "--id=asker.test", "--idtype=2", "--dhgroup=14", _TRANSFORM, silence=_SILENCE
    )
    assert "Aggressive Mode Handshake returned" in seen.text
    assert "wanted.test" in seen.text
    assert "Hash(32 bytes)" in seen.text
    assert seen.answers == 1, "a responder does not repeat itself to a stranger"
    assert seen.answered <= _MOST * seen.asked
    assert setting.ikeview.command("check", "-c", str(setting.ikeview.folder)).returncode == 0


def test_aggressive_mode_from_another_identity(setting: Setting) -> None:
    seen = setting.scan("wanted", "--aggressive", "--id=somebody.test", "--idtype=2", "--dhgroup=14", _TRANSFORM)
    assert "Handshake returned" not in seen.text
    assert seen.answered <= _MOST * seen.asked


@pytest.mark.parametrize("words", [
    "--headerlen=+400", "--headerlen=-10", "--mbz=255", "--hdrflags=255", "--exchange=77", "--doi=5", "--situation=9",
    "--protocol=9", "--nextpayload=200", "--headerver=0x33", "--hdrmsgid=5",
])
def test_nonsense(setting: Setting, words: str) -> None:
    """Hardly answered, and the engine lives."""
    seen = setting.scan("main", _TRANSFORM, words)
    assert seen.answers <= 1
    assert seen.answered <= _MOST * seen.asked
    assert "Main Mode Handshake returned" in setting.scan("main", _TRANSFORM, *_asked_vendors()).text
