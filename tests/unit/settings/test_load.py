"""What loads, and what it becomes."""

import re
import shutil
from dataclasses import fields, replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from ikeview.core.identity import Identity, IdentityPattern
from ikeview.core.specs import (
    EngineSpec,
    KeepaliveSpec,
    Method,
    PeerSpec,
    Selector,
    Settings,
    Start,
    TunnelSpec,
    UiSpec,
    WhenDown,
)
from ikeview.crypto.groups import GROUPS
from ikeview.crypto.secret import Secret
from ikeview.crypto.suites import EspSuite, Phase1Suite
from ikeview.resources import resource
from ikeview.settings import schema
from ikeview.settings.load import load
from tests.support.config_files import SECRET as SECRET_FILE
from tests.support.config_files import make_files
from tests.support.pki import WALL

from .conftest import PEER, SECRET, write


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The shipped examples, with the files that they name made beside a copy of them."""
    folder = tmp_path_factory.mktemp("config")
    shutil.copytree(Path(str(resource("config"))), folder, dirs_exist_ok=True)
    make_files(folder)
    return replace(load(folder, WALL), folder="")


def test_the_shipped_examples_load_once_their_files_are_there(shipped: Settings) -> None:
    assert shipped.engine == EngineSpec(state="/var/lib/ikeview")
    assert shipped.ui == UiSpec()
    peers = {each.name: each for each in shipped.peers}
    assert set(peers) == {"tokyo", "paris", "roadwarriors", "office", "backup"}
    assert peers["tokyo"] == PeerSpec(
        name="tokyo",
        warnings=(
            "phase1.proposals aes128-sha1-modp1024: SHA-1 is being retired (RFC 8247)",
            f"phase1.proposals aes128-sha1-modp1024: {GROUPS['modp1024'].weak}",
        ),
        remote="203.0.113.9",
        remote_address=ip_address("203.0.113.9"),
        secret=Secret(SECRET_FILE.removesuffix(b"\n")),
        proposals=tuple(map(Phase1Suite.parse, ("aes256-sha256-modp2048", "aes128-sha1-modp1024"))),
        local_id=Identity.parse("192.0.2.1"),
        remote_id=IdentityPattern.parse("203.0.113.9"),
        tunnels=(
            TunnelSpec(
                peer="tokyo",
                name="lan",
                local=Selector(ip_network("10.1.0.0/24")),
                remote=Selector(ip_network("10.2.0.0/24")),
                proposals=tuple(map(EspSuite.parse, ("aes256gcm16-modp2048", "aes256-sha256"))),
                lifebytes=4_000_000_000,
                start=Start.BOOT,
            ),
        ),
    )
    assert all(not each.warnings for name, each in peers.items() if name != "tokyo")


def test_the_examples_are_of_different_kinds(shipped: Settings) -> None:
    peers = {each.name: each for each in shipped.peers}
    paris, server, client = peers["paris"], peers["roadwarriors"], peers["office"]
    assert (paris.auth_method, len(paris.certificates)) == (Method.ECDSA, 1)
    assert paris.trust is not None
    assert (len(paris.trust.authorities), len(paris.trust.revocation_lists)) == (1, 1)
    assert server.xauth is not None
    assert [name for name, _ in server.xauth.users] == ["alice"]
    assert server.config is not None
    assert server.config.pool == ip_network("10.3.0.0/24")
    assert server.tunnels[0].remote_dynamic
    assert client.xauth is not None
    assert not client.xauth.server
    assert client.tunnels[0].local_dynamic
    assert peers["backup"].tunnels[0].mode == "transport"


def test_the_examples_show_every_key() -> None:
    """Each key of the schema stands in the examples, as a setting or as one that is commented out."""
    config = Path(str(resource("config")))
    program = (config / "ikeview.toml").read_text()
    peers = "\n".join(path.read_text() for path in sorted((config / "peers").iterdir()))
    for text, tables in (
        (program, (schema.Program, schema.Engine, schema.Ui)),
        (
            peers,
            (
                schema.Peer, schema.Auth, schema.Xauth, schema.Config, schema.Phase1, schema.Keepalive, schema.Nat,
                schema.Tunnel,
            ),
        ),
    ):
        shown = set(re.findall(r"^#? *(\w+) = |^\[+([\w.]+)\]|^# +(\w+)  +[a-z]", text, re.MULTILINE))
        words = {word for found in shown for part in found for word in part.split(".")}
        for table in tables:
            assert [key for key in table.model_fields if key not in words] == []


def test_defaults_are_those_of_the_specs(folder: Path) -> None:
    """What a short peer file leaves out is what ``PeerSpec`` and ``TunnelSpec`` have as defaults."""
    write(folder / "secrets/tokyo.psk", "a key that is long enough", 0o600)
    peer = load(folder).peers[0]

    def left_out(spec: Any) -> dict[str, tuple[object, object]]:
        defaults = type(spec)(**{each.name: getattr(spec, each.name) for each in fields(spec) if each.name in given})
        return {
            each.name: (getattr(spec, each.name), getattr(defaults, each.name))
            for each in fields(spec)
            if getattr(spec, each.name) != getattr(defaults, each.name)
        }

    given = {"name", "peer", "remote", "remote_address", "secret", "local", "proposals", "tunnels"}
    assert left_out(peer) == {}
    assert left_out(peer.tunnels[0]) == {}
    assert peer.local == "any"


def test_every_key_reaches_its_spec(folder: Path) -> None:
    write(
        folder / "ikeview.toml",
        '[engine]\nlisten = ["192.0.2.1"]\nport = 1500\nnat_port = 1501\ndataplane = "memory"\nstate = "/srv/state"\n'
        '[ui]\ntheme = "day"\n[ui.keys]\nquit = "x"\nup = "ctrl+u"\n',
    )
    write(
        folder / "peers/tokyo.toml",
        """\
name = "osaka"
ike = "v1"
mode = "main"
role = "responder"
local = "eth0"
remote = "198.51.100.0/24"
local_id = "fqdn:a.example"
remote_id = "user:b@example"
[auth]
method = "psk"
secret_file = "../secrets/tokyo.psk"
[phase1]
proposals = ["aes128-sha1-group14", "3des-md5-modp1024"]
lifetime = "1h30m"
[keepalive]
method = "off"
interval = "7s"
timeout = "21s"
action = "hold"
[nat]
traversal = "force"
keepalive = "11s"
[[tunnel]]
name = "one"
mode = "tunnel"
local = "10.1.0.5 tcp/22"
remote = "10.2.0.0/24 tcp"
proposals = ["aes128-sha1", "aes256gcm16-ecp256"]
lifetime = "20m"
lifebytes = "64kB"
rekey_margin = "1m"
start = "manual"
when_down = "clear"
[[tunnel]]
name = "two"
local = "2001:db8:1::/64"
remote = "2001:db8:2::/64"
proposals = ["aes128-sha256"]
lifetime = "2m"
""",
    )
    settings = load(folder)
    (peer,) = settings.peers
    assert settings.engine == EngineSpec((ip_address("192.0.2.1"),), 1500, 1501, "memory", "/srv/state")
    assert settings.ui == UiSpec("day", (("quit", "x"), ("up", "ctrl+u")))
    assert settings.peers == (
        PeerSpec(
            name="osaka",
            remote="198.51.100.0/24",
            secret=Secret(SECRET.encode()),
            proposals=(Phase1Suite.parse("aes128-sha1-modp2048"), Phase1Suite.parse("3des-md5-modp1024")),
            tunnels=(
                TunnelSpec(
                    "osaka",
                    "one",
                    Selector(ip_network("10.1.0.5/32"), 6, 22),
                    Selector(ip_network("10.2.0.0/24"), 6),
                    (EspSuite.parse("aes128-sha1"), EspSuite.parse("aes256gcm16-ecp256")),
                    "tunnel",
                    1200.0,
                    64000,
                    60.0,
                    Start.MANUAL,
                    WhenDown.CLEAR,
                ),
                TunnelSpec(
                    "osaka",
                    "two",
                    Selector(ip_network("2001:db8:1::/64")),
                    Selector(ip_network("2001:db8:2::/64")),
                    (EspSuite.parse("aes128-sha256"),),
                    lifetime=120.0,
                    rekey_margin=18.0,
                ),
            ),
            remote_network=ip_network("198.51.100.0/24"),
            local="eth0",
            local_id=Identity.parse("fqdn:a.example"),
            remote_id=IdentityPattern.parse("user:b@example"),
            role="responder",
            lifetime=5400.0,
            keepalive=KeepaliveSpec("off", 7.0, 21.0, "hold"),
            nat_traversal="force",
            nat_keepalive=11.0,
            warnings=peer.warnings,
        ),
    )


def test_an_empty_folder_is_a_program_without_peers(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert (settings.engine, settings.ui, settings.peers) == (EngineSpec(), UiSpec(), ())


def test_peers_come_in_order_of_their_files_and_are_named_by_them(folder: Path) -> None:
    for index, name in enumerate(("b", "a.x", "c")):
        write(folder / f"peers/{name}.toml", PEER.replace("203.0.113.9", f"203.0.113.{index + 20}"))
    assert [each.name for each in load(folder).peers] == ["a.x", "b", "c", "tokyo"]
    assert {tunnel.full_name for each in load(folder).peers for tunnel in each.tunnels} >= {"a.x/lan", "tokyo/lan"}


@pytest.mark.parametrize(
    "name", [".#tokyo.toml", "tokyo.toml~", "#tokyo.toml#", ".hidden.toml", "tokyo.toml.bak", "README"]
)
def test_what_editors_leave_is_not_read(folder: Path, name: str) -> None:
    write(folder / "peers" / name, "not [ toml")
    (folder / "peers/.#dangling.toml").symlink_to("me@host.4711")
    assert [each.name for each in load(folder).peers] == ["tokyo"]


@pytest.mark.parametrize(
    "text", [b"\xef\xbb\xbf" + PEER.encode(), PEER.replace("\n", "\r\n").encode(), PEER.rstrip("\n").encode()]
)
def test_a_byte_order_mark_and_dos_line_ends_do_no_harm(folder: Path, text: bytes) -> None:
    plain = load(folder)
    write(folder / "peers/tokyo.toml", text)
    assert load(folder) == plain


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('role = "initiator"\n', 'role = "responder"\n'),
        ('local = "192.0.2.1"\n', 'local = "192.0.2.2"\n'),
    ],
)
def test_two_peers_at_one_address_that_can_be_told_apart(folder: Path, one: str, other: str) -> None:
    write(folder / "peers/tokyo.toml", one + PEER)
    write(folder / "peers/osaka.toml", other + PEER)
    assert len(load(folder).peers) == 2
