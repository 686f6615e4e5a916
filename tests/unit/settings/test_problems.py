"""What does not load: each problem by file, key and text."""

import os
from pathlib import Path

import pytest

from .conftest import PEER, Broken, write

AUTH = '[auth]\nsecret_file = "../secrets/tokyo.psk"\n'
TUNNEL = PEER[PEER.index("[[tunnel]]") :]

PEER_PROBLEMS = [
    # old text, new text, key, text, hint
    ("remote = ", "remmote = ", "remmote", "unknown key", "did you mean remote?"),
    ("remote = ", "remmote = ", "remote", "is missing", 'remote = "203.0.113.9"'),
    ("[phase1]\n", "[phase1]\nlifetme = 1\n", "phase1.lifetme", "unknown key", "did you mean lifetime?"),
    ("[phase1]\n", "[phase1]\nzzz = 1\n", "phase1.zzz", "unknown key", "known here are proposals, lifetime"),
    ("[phase1]\n", '[phase1]\n"a b" = 1\n', "phase1.'a b'", "unknown key", "known here are"),
    ("[[tunnel]]\n", "[[tunnel]]\nlife = 1\n", "tunnel[0].life", "unknown key", "did you mean lifetime?"),
    ("remote = ", "nat = 5\nremote = ", "nat", "wants a table, not a number", "write [nat]"),
    ("[[tunnel]]", "[tunnel]", "tunnel", "wants a list, not a table", "write [[tunnel]]"),
    (TUNNEL, "", "tunnel", "is missing", "[[tunnel]]"),
    (AUTH, "", "auth", "is missing", "[auth]"),
    ('["aes256-sha256-modp2048"]', '"aes"', "phase1.proposals", "wants a list, not text", '["...", "..."]'),
    ('["aes256-sha256-modp2048"]', "[]", "phase1.proposals", "is empty", "write proposals = "),
    ('["aes256-sha256-modp2048"]', "[1]", "phase1.proposals[0]", "wants text in quotes, not a number", "aes256"),
    ("aes256-sha256-modp2048", "aes257-sha256-modp2048", "phase1.proposals[0]", "'aes257'", ""),
    ("aes256-sha256-modp2048", "aes256-sha256", "phase1.proposals[0]", "lacks a group", ""),
    ("aes256gcm16-modp2048", "aes256", "tunnel[0].proposals[0]", "lacks an integrity algorithm", ""),
    (
        '["aes256-sha256-modp2048"]',
        str(["aes256-sha256-modp2048"] * 41),
        "phase1.proposals",
        "more than 40",
        "take some out",
    ),
    ('["aes256gcm16-modp2048"]', str(["aes256-sha1"] * 21), "tunnel[0].proposals", "more than 20", "take some out"),
    ('"203.0.113.9"', "5", "remote", "wants text in quotes, not a number", "203.0.113.9"),
    ('"203.0.113.9"', "true", "remote", "not true or false", "203.0.113.9"),
    ('"203.0.113.9"', "2024-01-01", "remote", "not a date or time", "203.0.113.9"),
    ("203.0.113.9", "203.0.113.300", "remote", "'203.0.113.300' is no address", "write"),
    ("10.1.0.0/24", "10.1.0.5/24", "tunnel[0].local", "bits set behind its prefix", "did you mean 10.1.0.0/24?"),
    ("10.1.0.0/24", "10.1.0.5 ftp/21", "tunnel[0].local", "unknown protocol 'ftp'", "known are icmp, tcp"),
    ("10.1.0.0/24", "2001:db8::/64", "tunnel[0].remote", "is IPv4 and local is IPv6", "one tunnel for each"),
    ("remote = ", 'name = "to kyo"\nremote = ', "name", "'to kyo' cannot be a name", "letters"),
    ('name = "lan"', 'name = "-lan"', "tunnel[0].name", "cannot be a name", "letters"),
    ('name = "lan"\n', "", "tunnel[0].name", "is missing", 'name = "lan"'),
    ("remote = ", 'role = "server"\nremote = ', "role", "'server' is not known", "both or initiator or responder"),
    ("remote = ", 'local = "192.0.2.0/24"\nremote = ', "local", "is no address or interface name", "eth0"),
    ("remote = ", 'local = "2001:db8::1"\nremote = ', "local", "is IPv6 and remote is IPv4", "alike"),
    ("remote = ", 'local_id = "fqdn:"\nremote = ', "local_id", "is no identity", ""),
    ("remote = ", 'remote_id = "a b"\nremote = ', "remote_id", "space or control character", ""),
    ("remote = ", 'remote_id = "dn:CN=x, Inc."\nremote = ', "remote_id", "'Inc.' has no =", ""),
    ("remote = ", 'remote_id = "fqdn:gw*.example"\nremote = ', "remote_id", "a whole label", ""),
    ("remote = ", 'ike = "v2"\nremote = ', "ike", "'v2' is not in this version yet", "write v1"),
    ("remote = ", 'mode = "fast"\nremote = ', "mode", "'fast' is not known", "write main or aggressive"),
    ("[auth]\n", '[auth]\nmethod = "dsa"\n', "auth.method", "'dsa' is not known", "psk or rsa or ecdsa or xauth-psk"),
    ("[[tunnel]]\n", '[[tunnel]]\nmode = "beet"\n', "tunnel[0].mode", "'beet' is not known", "tunnel or transport"),
    ("[auth]\n", '[keepalive]\nmethod = "ping"\n[auth]\n', "keepalive.method", "not known", "dpd or icmp or off"),
    (
        "[auth]\n",
        '[keepalive]\naction = "none"\n[auth]\n',
        "keepalive.action",
        "'none' is not known",
        "restart or clear",
    ),
    ("[auth]\n", '[keepalive]\ninterval = "0s"\n[auth]\n', "keepalive.interval", "out of bounds", "1s to 1h"),
    ("[auth]\n", '[keepalive]\ninterval = "1m"\n[auth]\n', "keepalive.timeout", "30s is shorter than", "example 3m"),
    ("[auth]\n", '[nat]\ntraversal = "on"\n[auth]\n', "nat.traversal", "'on' is not known", "auto or force or off"),
    ("[auth]\n", '[nat]\nkeepalive = "2h"\n[auth]\n', "nat.keepalive", "out of bounds", "1s to 1h"),
    ("[phase1]\n", '[phase1]\nlifetime = "8 hours"\n', "phase1.lifetime", "'8 hours' is no duration", "8h"),
    ("[phase1]\n", "[phase1]\nlifetime = 3600\n", "phase1.lifetime", "wants text in quotes, not a number", "1h"),
    ("[phase1]\n", '[phase1]\nlifetime = "59s"\n', "phase1.lifetime", "'59s' is out of bounds", "1m to 1d"),
    ("[phase1]\n", '[phase1]\nlifetime = "86401s"\n', "phase1.lifetime", "out of bounds", "1m to 1d"),
    ("[[tunnel]]\n", '[[tunnel]]\nlifebytes = "4 gigs"\n', "tunnel[0].lifebytes", "is no size", "4GB"),
    ("[[tunnel]]\n", '[[tunnel]]\nlifebytes = "63kB"\n', "tunnel[0].lifebytes", "out of bounds", "64kB to 4TB"),
    ("[[tunnel]]\n", '[[tunnel]]\nlifebytes = "5TB"\n', "tunnel[0].lifebytes", "out of bounds", "64kB to 4TB"),
    (
        "[[tunnel]]\n",
        '[[tunnel]]\nrekey_margin = "1h"\n',
        "tunnel[0].rekey_margin",
        "1h is not shorter than",
        "example 9m",
    ),
    (
        "[[tunnel]]\n",
        '[[tunnel]]\nstart = "now"\n',
        "tunnel[0].start",
        "'now' is not known",
        "boot or traffic or manual",
    ),
    ("[[tunnel]]\n", '[[tunnel]]\nwhen_down = "x"\n', "tunnel[0].when_down", "'x' is not known", "block or clear"),
    (TUNNEL, TUNNEL + TUNNEL.replace("10.1.", "10.9."), "tunnel[1].name", "another tunnel named 'lan'", "own name"),
    (TUNNEL, TUNNEL + TUNNEL.replace("lan", "x"), "tunnel[1].remote", "are those of the tunnel lan", "only one"),
    (
        TUNNEL,
        TUNNEL.replace(".0/24", ".0/24 tcp", 1).replace("2.0.0/24", "2.0.0/24 udp"),
        "tunnel[0].remote",
        "names another protocol than local",
        "write the same for both",
    ),
    ('remote = "203.0.113.9"', 'remote = "any"\nrole = "initiator"', "remote", "no single address", "responder"),
    ('remote = "203.0.113.9"', 'remote = "198.51.100.0/24"\nrole = "initiator"', "remote", "no single address", "DNS"),
    (
        PEER,
        PEER.replace('"203.0.113.9"', '"any"') + 'start = "boot"\n',
        "tunnel[0].start",
        "boot needs a peer that can be called, and remote is any",
        'write "manual"',
    ),
    (
        PEER,
        'role = "responder"\n' + PEER + 'start = "traffic"\n',
        "tunnel[0].start",
        "traffic needs a peer that can be called, and role is responder",
        'write "manual"',
    ),
    ("../secrets/tokyo.psk", "../secrets/kyoto.psk", "auth.secret_file", "secrets/kyoto.psk does not exist", "make it"),
    ("../secrets/tokyo.psk", "../secrets", "auth.secret_file", "is a folder", "put a file"),
    ("../secrets/tokyo.psk", "", "auth.secret_file", "is empty", "name a file"),
    ("../secrets/tokyo.psk", "a\\u0000b", "auth.secret_file", "cannot be read", "correct its name"),
    ('secret_file = "../secrets/tokyo.psk"\n', "", "auth", "has no secret", "write secret_file"),
    (AUTH, AUTH + 'secret_env = "PATH"\n', "auth", "secret_file and secret_env exclude one another", "keep one"),
    (AUTH, '[auth]\nsecret_env = "IKEVIEW_UNSET"\n', "auth.secret_env", "variable IKEVIEW_UNSET is not set", "set it"),
    (
        AUTH,
        '[auth]\nsecret_env = "Zr4-canary-8Qx"\n',
        "auth.secret_env",
        "not the name of an environment",
        "not the secret",
    ),
    (
        AUTH,
        '[auth]\nsecret = "Zr4-canary-8Qx"\n',
        "auth.secret",
        "can be read or changed by others (mode 0644)",
        "chmod 600",
    ),
    (AUTH, "[auth]\nsecret = 5\n", "auth.secret", "wants text in quotes, not a number", ""),
    (AUTH, '[auth]\nsecret = ["Zr4-canary-8Qx"]\n', "auth.secret", "wants text in quotes, not a list", ""),
]


@pytest.mark.parametrize(("old", "new", "key", "text", "hint"), PEER_PROBLEMS, ids=lambda value: value[:30].strip())
def test_a_peers_problem(
    folder: Path, problems: Broken, monkeypatch: pytest.MonkeyPatch, old: str, new: str, key: str, text: str, hint: str
) -> None:
    monkeypatch.delenv("IKEVIEW_UNSET", raising=False)
    assert old in PEER
    write(folder / "peers/tokyo.toml", PEER.replace(old, new, 1))
    found = problems(folder)
    assert {each.file for each in found} == {"peers/tokyo.toml"}
    match = [each for each in found if each.key == key]
    assert len(match) == 1, f"{key} is not in {[str(each) for each in found]}"
    assert text in match[0].text
    assert hint in match[0].hint
    assert match[0].hint or not hint


@pytest.mark.parametrize(
    ("text", "key", "said", "hint"),
    [
        ("[engin]\n", "engin", "unknown key", "did you mean engine?"),
        ("[engine]\nports = 1\n", "engine.ports", "unknown key", "did you mean port?"),
        ('engine = "x"\n', "engine", "wants a table, not text", "write [engine]"),
        ("[engine]\nlisten = []\n", "engine.listen", "is empty", "listen = "),
        ('[engine]\nlisten = "::"\n', "engine.listen", "wants a list, not text", "["),
        ('[engine]\nlisten = ["::", "eth0"]\n', "engine.listen[1]", "'eth0' is no address", "write"),
        ('[engine]\nlisten = ["::", "0::0"]\n', "engine.listen[1]", ":: is listed twice", "take one out"),
        ("[engine]\nport = 0\n", "engine.port", "is no port", "1 to 65535"),
        ("[engine]\nport = 65536\n", "engine.port", "is no port", "1 to 65535"),
        ("[engine]\nport = true\n", "engine.port", "wants a number, not true or false", "500"),
        ('[engine]\nport = "500"\n', "engine.port", "wants a number, not text", "500"),
        ("[engine]\nport = 4500\n", "engine.nat_port", "is the same as port (4500)", "need two"),
        ('[engine]\ndataplane = "xfrm"\n', "engine.dataplane", "not in this version yet", "auto or esp or memory"),
        ('[engine]\ndataplane = "tun"\n', "engine.dataplane", "'tun' is not known", "auto or esp or memory"),
        ('[ui]\ntheme = "../x"\n', "ui.theme", "cannot be a name", "letters"),
        ("[ui.keys]\nquit = 1\n", "ui.keys.quit", "wants text in quotes, not a number", ""),
        ("[ui]\nkeys = 1\n", "ui.keys", "wants a table, not a number", "write [ui.keys]"),
    ],
)
def test_a_problem_of_the_program(folder: Path, problems: Broken, text: str, key: str, said: str, hint: str) -> None:
    write(folder / "ikeview.toml", text)
    (found,) = problems(folder)
    assert (found.file, found.key) == ("ikeview.toml", key)
    assert said in found.text
    assert hint in found.hint


@pytest.mark.parametrize(
    ("data", "line", "said"),
    [
        (b"a = \n", 1, "Invalid value at column 5"),
        (b"a = 1\r\nb = [1,\r\n", 3, "at the end of the file"),
        (b"a = 1\na = 2\n", 2, "overwrite"),
        (b"a = 1\nb = '\xff'\n", 2, "is not UTF-8 text"),
        ("a = 1".encode("utf-16"), 1, "is not UTF-8 text"),
        (b"a" + b"[" * 5000, None, ""),
        (b"a = " + b"[" * 100_000, None, "nested too deeply"),
        (b"a = " + b"9" * 5000, None, "Exceeds the limit"),
        (b"#" * 1_000_001, None, "larger than 1000000 octets"),
        (b"\0", 1, "Invalid"),
    ],
)
def test_a_file_that_is_no_toml(folder: Path, problems: Broken, data: bytes, line: int | None, said: str) -> None:
    write(folder / "peers/tokyo.toml", data)
    (found,) = problems(folder)
    assert (found.file, found.key) == ("peers/tokyo.toml", "")
    assert said in found.text
    assert found.hint
    if line is not None:
        assert found.line == line
        assert str(found).startswith(f"peers/tokyo.toml:{line}: ")


@pytest.mark.parametrize("name", ["ikeview.toml", "peers/tokyo.toml"])
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("folder", "this is a folder"),
        ("fifo", "no regular file"),
        ("dangling", "does not exist"),
        ("loop", "cannot be read"),
    ],
)
def test_something_else_in_place_of_a_file(folder: Path, problems: Broken, name: str, kind: str, said: str) -> None:
    path = folder / name
    path.unlink()
    match kind:
        case "folder":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case "dangling":
            path.symlink_to("nowhere")
        case "loop":
            path.symlink_to(path.name)
    (found,) = problems(folder)
    assert (found.file, found.key) == (name, "")
    assert said in found.text


def test_a_file_in_place_of_the_peers_folder(tmp_path: Path, problems: Broken) -> None:
    write(tmp_path / "peers", "")
    (found,) = problems(tmp_path)
    assert (found.file, found.text) == ("peers", "is no folder")


@pytest.mark.parametrize(
    ("name", "said"), [("missing", "no such folder"), ("file", "is no folder"), ("a\0b", "no such folder")]
)
def test_no_configuration_folder(tmp_path: Path, problems: Broken, name: str, said: str) -> None:
    write(tmp_path / "file", "")
    (found,) = problems(tmp_path / name)
    assert said in found.text
    assert "-c DIR" in found.hint


def test_a_file_name_that_cannot_be_a_peers(folder: Path, problems: Broken) -> None:
    os.rename(folder / "peers/tokyo.toml", folder / "peers/to\x1bkyo.toml")
    (found,) = problems(folder)
    assert found.key == "name"
    assert str(found).isprintable()


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ('name = "tokyo"\n' + PEER.replace("203.0.113.9", "203.0.113.10"), "name", "is the name of peers/a.toml too"),
        (PEER, "remote", "203.0.113.9 is the remote of peers/a.toml too"),
        ('local = "eth0"\n' + PEER, "remote", "the remote of peers/a.toml too"),
        ('role = "responder"\n' + PEER, "remote", "the remote of peers/a.toml too"),
    ],
)
def test_problems_between_peers(folder: Path, problems: Broken, text: str, key: str, said: str) -> None:
    (folder / "peers/tokyo.toml").unlink()
    write(folder / "peers/a.toml", 'name = "tokyo"\n' + PEER)
    write(folder / "peers/b.toml", text)
    (found,) = problems(folder)
    assert (found.file, found.key) == ("peers/b.toml", key)
    assert said in found.text


def test_names_of_one_place_are_compared_as_dns_does(folder: Path, problems: Broken) -> None:
    write(folder / "peers/tokyo.toml", PEER.replace("203.0.113.9", "gw.example"))
    write(folder / "peers/z.toml", PEER.replace("203.0.113.9", "GW.example."))
    (found,) = problems(folder)
    assert (found.file, found.key) == ("peers/z.toml", "remote")


def test_all_problems_of_all_files_at_once(folder: Path, problems: Broken) -> None:
    """Shape, values, cross rules and secrets, also when they meet in one file; and no conclusion from a wrong value."""
    write(folder / "ikeview.toml", '[engine]\nport = "x"\nnat_port = 500\ncolour = 1\n')
    write(folder / "peers/broken.toml", "a = = 1\n")
    write(folder / "secrets/open.psk", "Zr4-canary-8Qx", 0o644)
    write(
        folder / "peers/tokyo.toml",
        PEER.replace("tokyo.psk", "open.psk")
        .replace("203.0.113.9", "203.0.113.999")
        .replace("[phase1]", '[keepalive]\ninterval = "5m"\ntimeout = "soon"\n[phase1]\nlifetime = 5')
        + 'lifetim = 1\nstart = "boot"\nrekey_margin = "2h"\n'
        + TUNNEL.replace("lan", "dmz").replace("aes256gcm16", "aes257gcm16"),
    )
    write(folder / "peers/zeta.toml", PEER.replace("tokyo.psk", "none.psk"))
    assert {(each.file, each.key) for each in problems(folder)} == {
        ("ikeview.toml", "engine.port"),
        ("ikeview.toml", "engine.colour"),
        ("peers/broken.toml", ""),
        ("peers/tokyo.toml", "remote"),
        ("peers/tokyo.toml", "auth.secret_file"),
        ("peers/tokyo.toml", "keepalive.timeout"),
        ("peers/tokyo.toml", "phase1.lifetime"),
        ("peers/tokyo.toml", "tunnel[0].lifetim"),
        ("peers/tokyo.toml", "tunnel[0].rekey_margin"),
        ("peers/tokyo.toml", "tunnel[1].proposals[0]"),
        ("peers/tokyo.toml", "tunnel[1].remote"),
        ("peers/zeta.toml", "auth.secret_file"),
    }
