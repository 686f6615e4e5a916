"""Which keys belong together: each rule by a file that breaks it and a file that keeps it."""

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from ikeview.core.identity import Identity
from ikeview.core.specs import KeepaliveSpec, Method, ModeConfigSpec, PeerSpec, Selector
from ikeview.crypto.secret import Secret
from ikeview.settings.load import load

from .conftest import SECRET, Broken, write
from .test_users import STORED
from .texts import ALICE, ASKS, AUTH, POOL, TUNNEL, USERS, peer, selectors

AGGRESSIVE = 'mode = "aggressive"\n'
XAUTH = AUTH + 'method = "xauth-psk"\n'
HOSTS = selectors("192.0.2.1", "203.0.113.9", 'mode = "transport"\n')
ICMP = '[keepalive]\nmethod = "icmp"\n'


@pytest.fixture
def place(folder: Path) -> Path:
    """The folder with users and a password too."""
    write(folder / "secrets/users", f"alice:{STORED}\n", 0o600)
    write(folder / "secrets/alice", "0xpassword\n", 0o600)
    return folder


def only(place: Path, text: str) -> PeerSpec:
    write(place / "peers/tokyo.toml", text)
    (spec,) = load(place).peers
    return spec


GOOD = {
    "xauth client": peer(auth=XAUTH, more=ALICE),
    "xauth server": peer(auth=XAUTH, more=USERS),
    "aggressive, called and answered": peer(AGGRESSIVE, auth=AUTH + "aggressive_psk = true\n"),
    "aggressive, called alone": peer(AGGRESSIVE),
    "aggressive, answered alone": peer(
        AGGRESSIVE, remote="any", auth=AUTH + "aggressive_psk = true\n",
        phase1='proposals = ["aes256-sha256-modp2048", "aes256-sha256-ecp256"]',
    ),
    "main with several groups": peer(phase1='proposals = ["aes256-sha256-modp2048", "aes256-sha256-ecp256"]'),
    "config client": peer(more=ASKS, tunnel=selectors("dynamic", "10.2.0.0/24")),
    "config client, IPv6": peer(more=ASKS, tunnel=selectors("dynamic", "2001:db8::/64")),
    "config server": peer(remote="any", more=POOL, tunnel=selectors("10.1.0.0/24", "dynamic")),
    "a peer from anywhere": peer(remote="any", tunnel=selectors("10.1.0.0/24", "dynamic tcp/22")),
    "transport": peer(tunnel=HOSTS),
    "transport with ports": peer(tunnel=selectors("192.0.2.1 udp/1701", "203.0.113.9 udp", 'mode = "transport"\n')),
    "transport from anywhere": peer(
        remote="any", tunnel=selectors("192.0.2.1 udp/1701", "dynamic udp", 'mode = "transport"\n')
    ),
    "IPv4 in IPv6": peer(remote="2001:db8::9"),
    "IPv6 in IPv4": peer(tunnel=selectors("2001:db8:1::/64", "2001:db8:2::/64")),
    "icmp": peer(more=ICMP + 'target = "10.2.0.1"\nsource = "10.1.0.1"\n'),
    "icmp without a source": peer(more=ICMP + 'target = "10.2.0.1"\n'),
    "icmp for icmp alone": peer(
        more=ICMP + 'target = "10.2.0.1"\n', tunnel=selectors("10.1.0.0/24 icmp", "10.2.0.0/24 icmp")
    ),
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_what_belongs_together_loads(place: Path, text: str) -> None:
    only(place, text)


BAD = [
    # file, key, text, hint
    (peer(auth=XAUTH), "xauth", 'is missing, and method = "xauth-psk" needs it', "write [xauth]"),
    (peer(more=USERS), "xauth", 'does not go with method = "psk"', 'method = "xauth-psk"'),
    (peer(auth=XAUTH, more="[xauth]\n"), "xauth.role", "is missing", 'role = "client"'),
    (peer(auth=XAUTH, more='[xauth]\nrole = "both"\n'), "xauth.role", "'both' is not known", "client or server"),
    (peer(auth=XAUTH, more='[xauth]\nrole = "server"\n'), "xauth.users_file", "is missing", "../secrets/users"),
    (peer(auth=XAUTH, more=USERS + 'user = "x"\n'), "xauth.user", 'has no meaning with role = "server"', "take it out"),
    (peer(auth=XAUTH, more=USERS + 'password_env = "HOME"\n'), "xauth.password_env", "has no meaning", "take it out"),
    (
        peer(auth=XAUTH, more=ALICE + 'users_file = "../secrets/users"\n'),
        "xauth.users_file",
        'has no meaning with role = "client"',
        "take it out",
    ),
    (peer(auth=XAUTH, more=ALICE.replace('user = "alice"\n', "")), "xauth.user", "is missing", 'user = "alice"'),
    (peer(auth=XAUTH, more=ALICE.replace('"alice"', '""')), "xauth.user", "cannot be a user's name", "255"),
    (
        peer(auth=XAUTH, more='[xauth]\nrole = "client"\nuser = "a"\n'),
        "xauth",
        "has no password",
        "write password_file",
    ),
    (
        peer(auth=XAUTH, more=ALICE + 'password_env = "HOME"\n'),
        "xauth",
        "password_file and password_env exclude one another",
        "keep one",
    ),
    (
        peer(auth=XAUTH, more='[xauth]\nrole = "client"\nuser = "a"\npassword = "Zr4-canary-8Qx"\n'),
        "xauth.password",
        "can be read or changed by others",
        "chmod 600",
    ),
    (
        peer(auth=XAUTH, more='[xauth]\nrole = "client"\nuser = "a"\npassword_env = "IKEVIEW_UNSET"\n'),
        "xauth.password_env",
        "IKEVIEW_UNSET is not set",
        "password_file",
    ),
    (peer(auth=XAUTH, more=ALICE.replace("secrets/alice", "secrets/bob")), "xauth.password_file", "does not exist", ""),
    (peer(auth=AUTH + 'cert_file = "x.pem"\n'), "auth.cert_file", 'has no meaning with method = "psk"', "take it out"),
    (peer(auth=AUTH + 'ca_files = ["x.pem"]\n'), "auth.ca_files", "has no meaning", "take it out"),
    (peer(auth=AUTH + 'crl = "strict"\n'), "auth.crl", "has no meaning", "take it out"),
    (peer(auth=AUTH + 'crl = "always"\n'), "auth.crl", "'always' is not known", "ifpresent or strict"),
    (peer(auth=AUTH + 'aggressive_psk = "yes"\n'), "auth.aggressive_psk", "wants true or false, not text", "quotes"),
    (peer(auth=AUTH + "aggressive_psk = true\n"), "auth.aggressive_psk", 'no meaning with mode = "main"', "take"),
    (
        peer(AGGRESSIVE + 'role = "initiator"\n', auth=AUTH + "aggressive_psk = true\n"),
        "auth.aggressive_psk",
        'no meaning with role = "initiator"',
        "take it out",
    ),
    (
        peer(AGGRESSIVE + 'role = "responder"\n'),
        "auth.aggressive_psk",
        "is missing: everybody who asks gets a hash",
        "aggressive_psk = true, or better use certificates",
    ),
    (peer(AGGRESSIVE, remote="any"), "auth.aggressive_psk", "is missing", "aggressive_psk = true"),
    (
        peer(AGGRESSIVE, phase1='proposals = ["aes256-sha256-modp2048", "aes256-sha256-ecp256"]'),
        "phase1.proposals",
        "name the groups modp2048, ecp256",
        "of one group",
    ),
    (peer('unique = "yes"\n'), "unique", "'yes' is not known", "replace or keep or never"),
    (peer('fragmentation = "yes"\n'), "fragmentation", "'yes' is not known", "auto or force or off"),
    # mode config
    (peer(more="[config]\n"), "config.role", "is missing", 'role = "client"'),
    (peer(more='[config]\nrole = "server"\n'), "config.pool", "is missing", "10.3.0.0/24"),
    (peer(more=ASKS + 'pool = "10.3.0.0/24"\n'), "config.pool", 'no meaning with role = "client"', "take it out"),
    (peer(more=ASKS + 'dns = ["10.1.0.1"]\n'), "config.dns", 'no meaning with role = "client"', "take it out"),
    (peer(more=ASKS + 'method = "poll"\n'), "config.method", "'poll' is not known", "pull or push"),
    (peer(more=POOL.replace("10.3.0.0/24", "10.0.0.0/7")), "config.pool", "too large for a pool", "8 or longer"),
    (peer(more=POOL.replace("10.3.0.0/24", "10.3.0.1/24")), "config.pool", "bits set behind its prefix", "10.3.0.0/24"),
    (peer(more=POOL.replace("10.3.0.0/24", "2001:db8::/63")), "config.pool", "too large for a pool", "64 or longer"),
    (peer(more=POOL.replace("10.3.0.0/24", "224.0.0.0/24")), "config.pool", "no addresses for clients", "10.3.0.0"),
    (peer(more=POOL + 'dns = ["dns.example"]\n'), "config.dns[0]", "is no address", "write"),
    (peer(more=POOL + f"dns = {['10.1.0.1'] * 9}\n"), "config.dns", "more than 8 do not fit", "take some out"),
    (peer(more=POOL + 'domain = "a b"\n'), "config.domain", "'a b' is no domain", "example.net"),
    (peer(more=POOL + 'banner = "a\\u0007"\n'), "config.banner", "control character", "line ends"),
    (peer(more=POOL + f'banner = "{"x" * 501}"\n'), "config.banner", "longer than 500 octets", "shorten"),
    (peer(more=POOL + 'split_include = ["2001:db8::/64"]\n'), "config.split_include[0]", "is IPv6", "take it out"),
    (peer(more=POOL + f"split_include = {['10.1.0.0/24'] * 41}\n"), "config.split_include", "more than 40", "take"),
    # dynamic ends
    (peer(tunnel=selectors("dynamic", "10.2.0.0/24")), "tunnel[0].local", "we do not ask for one", "[config]"),
    (peer(more=POOL, tunnel=selectors("dynamic", "10.2.0.0/24")), "tunnel[0].local", "we do not ask", "[config]"),
    (peer(tunnel=selectors("10.1.0.0/24", "dynamic")), "tunnel[0].remote", "that of a peer from anywhere", "[config]"),
    (peer(more=ASKS, tunnel=selectors("10.1.0.0/24", "dynamic")), "tunnel[0].remote", "mode config gives", "[config]"),
    (
        peer(more=POOL, tunnel=selectors("2001:db8::/64", "dynamic")),
        "tunnel[0].remote",
        "is IPv4 and local is IPv6",
        "one tunnel for each",
    ),
    (
        peer(remote="198.51.100.0/24", tunnel=selectors("2001:db8::/64", "dynamic")),
        "tunnel[0].remote",
        "is IPv4 and local is IPv6",
        "one tunnel for each",
    ),
    (peer(more=ASKS, tunnel=selectors("dynamic icmp6", "10.2.0.0/24")), "tunnel[0].remote", "is IPv4 and local", ""),
    (peer(tunnel=selectors("dynamic ftp", "10.2.0.0/24")), "tunnel[0].local", "unknown protocol 'ftp'", "known are"),
    # transport mode
    (peer(tunnel=TUNNEL + 'mode = "transport"\n'), "tunnel[0].local", "10.1.0.0/24 is a network", "write one address"),
    (peer(tunnel=TUNNEL + 'mode = "transport"\n'), "tunnel[0].remote", "10.2.0.0/24 is a network", "one address"),
    (
        peer(more=ASKS, tunnel=selectors("dynamic", "203.0.113.9", 'mode = "transport"\n')),
        "tunnel[0].local",
        "is given by mode config",
        'mode = "tunnel"',
    ),
    (
        peer(remote="any", more=POOL, tunnel=selectors("192.0.2.1", "dynamic", 'mode = "transport"\n')),
        "tunnel[0].remote",
        "is given by mode config",
        'mode = "tunnel"',
    ),
    (
        peer(remote="2001:db8::9", tunnel=HOSTS),
        "tunnel[0].remote",
        "is IPv4, and transport mode adds no header: the gateways speak IPv6",
        "own address",
    ),
    # keepalives
    (peer(more=ICMP), "keepalive.target", "must know whom to ping", "behind the peer"),
    (peer(more=ICMP + 'target = "10.9.0.1"\n'), "keepalive.target", "lies in no tunnel's remote network", "behind"),
    (peer(more=ICMP + 'target = "gw"\n'), "keepalive.target", "is no address", "write"),
    (
        peer(more=ICMP + 'target = "10.2.0.1"\n', tunnel=selectors("10.1.0.0/24 tcp", "10.2.0.0/24 tcp")),
        "keepalive.target",
        "lies in no tunnel's remote network",
        "behind the peer",
    ),
    (
        peer(more=ICMP + 'target = "10.2.0.1"\nsource = "10.2.0.2"\n'),
        "keepalive.source",
        "does not lie in the local network",
        "leave it out",
    ),
    (peer(more='[keepalive]\ntarget = "10.2.0.1"\n'), "keepalive.target", 'with method = "dpd"', 'method = "icmp"'),
    (peer(more='[keepalive]\nsource = "10.1.0.1"\n'), "keepalive.source", 'with method = "dpd"', 'method = "icmp"'),
    (peer(more='[keepalive]\nwhen = "always"\n'), "keepalive.when", "'always' is not known", "periodic or idle or on"),
]


@pytest.mark.parametrize(("text", "key", "said", "hint"), BAD, ids=lambda value: value[:40].strip())
def test_what_does_not_belong_together_is_told(
    place: Path, problems: Broken, monkeypatch: pytest.MonkeyPatch, text: str, key: str, said: str, hint: str
) -> None:
    monkeypatch.delenv("IKEVIEW_UNSET", raising=False)
    write(place / "peers/tokyo.toml", text)
    found = problems(place)
    match = [each for each in found if each.key == key]
    assert len(match) == 1, f"{key} is not in {[str(each) for each in found]}"
    assert said in match[0].text
    assert hint in match[0].hint
    others = {each.key for each in found} - {key}
    assert all(each.startswith("tunnel[0].") for each in others), "only selectors may both be wrong"


def test_nothing_is_concluded_from_a_wrong_method(place: Path, problems: Broken) -> None:
    write(place / "peers/tokyo.toml", peer(auth='method = "rsaa"\nca_files = ["none.pem"]\n', more=USERS))
    assert {each.key for each in problems(place)} == {"auth.method", "auth.ca_files[0]"}


def test_xauth_reaches_its_spec(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = only(place, peer(auth=XAUTH, more=ALICE))
    assert spec.auth_method is Method.XAUTH_PSK
    assert spec.secret == Secret(SECRET.encode())
    assert spec.xauth is not None
    assert (spec.xauth.server, spec.xauth.user, spec.xauth.users) == (False, "alice", ())
    assert spec.xauth.password == Secret(b"0xpassword"), "a password is no key: 0x says nothing"
    monkeypatch.setenv("IKEVIEW_TEST_PASSWORD", "from here")
    env = ALICE.replace("password_file", "password_env").replace("../secrets/alice", "IKEVIEW_TEST_PASSWORD")
    spec = only(place, peer(auth=XAUTH, more=env))
    assert spec.xauth is not None
    assert spec.xauth.password == Secret(b"from here")
    write(place / "secrets/alice", "\n", 0o600)
    with pytest.raises(Exception, match="the password is empty"):
        only(place, peer(auth=XAUTH, more=ALICE))


def test_config_reaches_its_spec(place: Path) -> None:
    more = POOL + (
        'method = "push"\ndns = ["10.1.0.1", "2001:db8::1"]\ndomain = "example.net"\nbanner = "Hello\\nthere"\n'
        'split_include = ["10.1.0.0/16"]\n'
    )
    spec = only(place, peer(remote="any", more=more, tunnel=selectors("10.1.0.0/24", "dynamic")))
    assert spec.config == ModeConfigSpec(
        True,
        True,
        ip_network("10.3.0.0/24"),
        (ip_address("10.1.0.1"), ip_address("2001:db8::1")),
        "example.net",
        "Hello\nthere",
        (ip_network("10.1.0.0/16"),),
    )
    assert only(place, peer(more=ASKS)).config == ModeConfigSpec(False)


def test_dynamic_ends_hold_a_place_of_the_right_ip_version(place: Path) -> None:
    (tunnel,) = only(place, peer(more=ASKS, tunnel=selectors("dynamic tcp/22", "10.2.0.0/24"))).tunnels
    assert (tunnel.local_dynamic, tunnel.remote_dynamic) == (True, False)
    assert tunnel.local == Selector(ip_network("0.0.0.0/32"), 6, 22)
    (tunnel,) = only(place, peer(more=ASKS, tunnel=selectors("dynamic", "2001:db8::/64"))).tunnels
    assert tunnel.local == Selector(ip_network("::/128"))
    (tunnel,) = only(place, peer(remote="any", tunnel=selectors("2001:db8::/64", "dynamic"))).tunnels
    assert (tunnel.local_dynamic, tunnel.remote_dynamic) == (False, True)
    assert tunnel.remote == Selector(ip_network("::/128"))


def test_the_other_keys_reach_their_specs(place: Path) -> None:
    top = 'mode = "aggressive"\nunique = "keep"\nfragmentation = "force"\nlocal_id = "keyid:x"\nremote_id = "fqdn:b"\n'
    more = ICMP + 'when = "on-demand"\ntarget = "203.0.113.9"\nsource = "192.0.2.1"\n'
    spec = only(place, peer(top, auth=AUTH + "aggressive_psk = true\n", more=more, tunnel=HOSTS))
    assert (spec.mode, spec.unique, spec.fragmentation, spec.aggressive_psk) == ("aggressive", "keep", "force", True)
    assert spec.local_id == Identity.parse("keyid:x")
    target, source = ip_address("203.0.113.9"), ip_address("192.0.2.1")
    assert spec.keepalive == KeepaliveSpec("icmp", 10.0, 30.0, "restart", "on-demand", target, source)
    assert spec.tunnels[0].mode == "transport"
