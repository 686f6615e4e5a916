"""What loads and is still weak."""

from pathlib import Path

import pytest

from ikeview import cli
from ikeview.core.facts import PeerConfigured
from ikeview.crypto.esp import ESP_CIPHERS
from ikeview.crypto.groups import GROUPS
from ikeview.settings.load import load

from .conftest import write
from .texts import ASKS, AUTH, POOL, TUNNEL, peer, selectors

AGGRESSIVE = 'mode = "aggressive"\n'
TRANSPORT = 'mode = "transport"\n'


def warned(folder: Path, text: str) -> list[str]:
    write(folder / "secrets/tokyo.psk", "sixteen octets..", 0o600)
    write(folder / "peers/tokyo.toml", text)
    (spec,) = load(folder).peers
    return list(spec.warnings)


QUIET = {
    "plain": peer(),
    "transport": peer(tunnel=selectors("192.0.2.1", "203.0.113.9", TRANSPORT)),
    "mode config": peer(more=ASKS, tunnel=selectors("dynamic", "10.2.0.0/24")),
}


@pytest.mark.parametrize("text", QUIET.values(), ids=QUIET)
def test_nothing_is_said_about_what_is_good(folder: Path, text: str) -> None:
    assert warned(folder, text) == []


LOUD = {
    "an old group": (
        peer(phase1='proposals = ["aes256-sha256-modp1024"]'),
        f"phase1.proposals aes256-sha256-modp1024: {GROUPS['modp1024'].weak}",
    ),
    "an old cipher of phase 2": (
        peer(tunnel=TUNNEL.replace("aes256gcm16-modp2048", "3des-sha256")),
        f"tunnel proposals 3des-sha256: {ESP_CIPHERS['3des'].weak}",
    ),
    "aggressive, answered": (
        peer(AGGRESSIVE, auth=AUTH + "aggressive_psk = true\n"),
        "auth.aggressive_psk: whoever asks",
    ),
    "aggressive, called": (peer(AGGRESSIVE), "mode: Aggressive Mode with a pre-shared key sends both identities"),
    "aggressive, not answered": (peer(AGGRESSIVE), "role: both, but Aggressive Mode with a pre-shared key is not"),
    "no use for addresses we give": (peer(more=POOL), 'config: no tunnel has remote = "dynamic"'),
    "no use for the address we get": (peer(more=ASKS), 'config: no tunnel has local = "dynamic"'),
    "transport elsewhere": (
        peer(tunnel=selectors("192.0.2.1", "203.0.113.10", TRANSPORT)),
        "tunnel lan: transport mode to 203.0.113.10, which is not the peer's address 203.0.113.9",
    ),
}


@pytest.mark.parametrize(("text", "said"), LOUD.values(), ids=LOUD)
def test_what_is_weak_is_said_with_the_reason(folder: Path, text: str, said: str) -> None:
    assert [each for each in warned(folder, text) if each.startswith(said)]


def test_one_sentence_for_each_reason(folder: Path) -> None:
    suites = ["aes256-sha256-modp1024", "aes128-sha256-modp1024", "aes256-sha256-modp1024"]
    (sentence,) = warned(folder, peer(phase1=f"proposals = {suites}"))
    assert sentence.startswith("phase1.proposals aes256-sha256-modp1024, aes128-sha256-modp1024: ")


def test_a_short_key_is_told_but_not_how_short(folder: Path) -> None:
    text = peer()
    assert warned(folder, text) == []
    write(folder / "secrets/tokyo.psk", "fifteen octets.", 0o600)
    (spec,) = load(folder).peers
    (sentence,) = spec.warnings
    assert "shorter than 16 octets" in sentence
    assert "15" not in sentence


def test_check_prints_warnings_and_is_content(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder / "secrets/tokyo.psk", "sixteen octets..", 0o600)
    write(folder / "peers/tokyo.toml", peer(phase1='proposals = ["3des-md5-modp1024"]'))
    assert cli.main(["check", "-c", str(folder)]) == 0
    out, err = capsys.readouterr()
    first, *rest = out.splitlines()
    assert first == f"no problem found in {folder}: 1 peer, 1 tunnel"
    assert len(rest) == 3
    assert all(each.startswith("warning: tokyo: phase1.proposals 3des-md5-modp1024: ") for each in rest)
    assert err == ""


def test_warnings_are_told_with_the_peer(folder: Path) -> None:
    from ikeview.dataplane.memory import MemoryPlane
    from ikeview.wiring import make_endpoint

    write(folder / "peers/tokyo.toml", peer(phase1='proposals = ["aes256-sha256-modp1024"]'))
    settings = load(folder)
    endpoint = make_endpoint(settings, MemoryPlane())
    endpoint.start(0.0)
    (told,) = [each for each in endpoint.drain() if isinstance(each, PeerConfigured)]
    assert told.warnings == settings.peers[0].warnings
    assert told.warnings
