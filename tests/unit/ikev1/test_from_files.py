"""Two configuration folders, read as an operator writes them, and what comes of it on the simulated network."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from ikeview.core.facts import ConfigAssigned, ExchangeFailed, Phase1Established, TunnelUp, UserAuthenticated
from ikeview.core.orders import Initiate
from ikeview.crypto.passwords import PasswordHash
from ikeview.crypto.secret import Secret
from ikeview.settings.load import load
from tests.support.laws import assert_tidy
from tests.support.network import End, Network
from tests.support.pki import WALL, Authority, ecdsa_key, rsa_key

HERE, THERE = ip_address("10.99.0.1"), ip_address("10.99.0.2")
PHASE1 = '[phase1]\nproposals = ["aes128-sha256-x25519"]\n'
PROPOSALS = 'proposals = ["aes128gcm16"]\n'
OURS = 'cert_file = "../own.pem"\nkey_file = "../own.key"\n'
TRUST = 'ca_files = ["../ca.pem"]\n'
USERS = '[xauth]\nrole = "server"\nusers_file = "../users"\n'
ALICE = '[xauth]\nrole = "client"\nuser = "alice"\npassword_file = "../password"\n'
POOL = '[config]\nrole = "server"\npool = "10.3.0.0/24"\n'
PSK = 'secret_file = "../psk"\n'


def gateway(top: str, auth: str, local: str, remote: str, more: str = "", tunnel: str = "") -> str:
    """A peer's file."""
    return (
        f'{top}[auth]\n{auth}{more}{PHASE1}[[tunnel]]\nname = "lan"\nlocal = "{local}"\nremote = "{remote}"\n'
        f"{PROPOSALS}{tunnel}"
    )


def road(top: str, auth: str, here: str, there: str) -> tuple[str, str]:
    """A client, and the server for clients from anywhere: ``here`` and ``there`` are their keys of ``[auth]``."""
    client = f'remote = "{THERE}"\nrole = "initiator"\n{top}'
    server = f'remote = "any"\nrole = "responder"\nremote_id = "any"\n{top}'
    return (
        gateway(client, auth + here, "dynamic", "10.2.0.0/24", ALICE + '[config]\nrole = "client"\n'),
        gateway(server, auth + there, "10.2.0.0/24", "dynamic", USERS + POOL),
    )


AT = (f'remote = "{THERE}"\n', f'remote = "{HERE}"\n')
SITES = ("10.1.0.0/24", "10.2.0.0/24")
MIRRORED = (SITES, SITES[::-1])
HOSTS = ((f"{HERE} tcp", f"{THERE} tcp/873"), (f"{THERE} tcp/873", f"{HERE} tcp"))

PAIRS = {
    "keys": [gateway(at, PSK, *ends) for at, ends in zip(AT, MIRRORED, strict=True)],
    "certificates, by subject": [
        gateway(f'{at}remote_id = "dn:C=CH, O=ikeview, CN=*"\n', f'method = "ecdsa"\n{OURS}{TRUST}', *ends)
        for at, ends in zip(AT, MIRRORED, strict=True)
    ],
    "certificates, by name": [
        gateway(
            f'{at}local_id = "fqdn:{us}.example"\nremote_id = "fqdn:*.example"\n',
            f'method = "ecdsa"\n{OURS}{TRUST}',
            *ends,
        )
        for at, us, ends in zip(AT, ("here", "there"), MIRRORED, strict=True)
    ],
    "transport": [
        gateway(at, PSK, *ends, tunnel='mode = "transport"\n') for at, ends in zip(AT, HOSTS, strict=True)
    ],
    "hybrid": road("", 'method = "hybrid"\n', TRUST, OURS),
    "users and keys, aggressive": road(
        'mode = "aggressive"\n', f'method = "xauth-psk"\n{PSK}', "", "aggressive_psk = true\n"
    ),
    "users and certificates": road("", f'method = "xauth-rsa"\n{OURS}{TRUST}', "", ""),
}


def make(folder: Path, name: str, text: str, authority: Authority) -> None:
    """A folder with that one peer and all that it may name."""
    (folder / "peers").mkdir(parents=True)
    (folder / "peers" / "peer.toml").write_text(text)
    number = 1 if name == "here" else 2
    key = ecdsa_key(number) if "ecdsa" in text else rsa_key(number)
    own = authority.issue(f"C=CH, O=ikeview, CN={name}", key, names=[f"{name}.example"])
    users = f"alice:{PasswordHash.of(Secret(b'open sesame'), bytes(16)).text()}\n"
    for file, data in {
        "own.pem": own.pem, "own.key": own.key_pem, "ca.pem": authority.issued.pem, "users": users.encode(),
        "password": b"open sesame\n", "psk": b"of chance and long enough\n",
    }.items():
        path = folder / file
        path.touch(mode=0o600)
        path.write_bytes(data)


@pytest.mark.parametrize("pair", PAIRS)
def test_two_folders_make_a_tunnel(tmp_path: Path, pair: str) -> None:
    authority = Authority.root(key=rsa_key(0))
    network = Network()
    ends: list[End] = []
    for name, address, text in zip(("here", "there"), (HERE, THERE), PAIRS[pair], strict=True):
        make(tmp_path / name, name, text, authority)
        ends.append(network.add(name, address, load(tmp_path / name, WALL)))
    here, there = ends
    network.do(here, Initiate("peer/lan"))
    network.run(5)
    for end in ends:
        assert end.of(TunnelUp), end.of(ExchangeFailed)
        assert_tidy(end)
    assert here.last(Phase1Established).auth == str(here.settings.peers[0].auth_method)
    if here.settings.peers[0].xauth is not None:
        assert there.last(UserAuthenticated).user == "alice"
        assert there.last(ConfigAssigned).address == "10.3.0.1"
