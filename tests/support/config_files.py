"""The files that peers' configurations name: keys, certificates, users and passwords, made beside a copy of them."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ikeview.crypto.passwords import PasswordHash
from ikeview.crypto.secret import Secret
from tests.support.pki import Authority, crl_pem, ecdsa_key, rsa_key

SECRET = b"made for the test, and long enough\n"


def make_files(folder: Path) -> None:
    """Whatever the peers of the configuration folder name and is not there."""
    for path in sorted((folder / "peers").glob("*.toml")):
        table = tomllib.loads(path.read_text())
        for name, data in _contents(table):
            file = path.parent / name
            if file.exists():
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
            file.write_bytes(data)


def _contents(peer: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    auth, xauth = peer["auth"], peer.get("xauth", {})
    if "secret_file" in auth:
        yield auth["secret_file"], SECRET
    if "password_file" in xauth:
        yield xauth["password_file"], b"the password\n"
    if "users_file" in xauth:
        stored = PasswordHash(1, 1, 1, Secret(b"salt" * 4), Secret(b"key!" * 4)).text()
        yield xauth["users_file"], f"alice:{stored}\n".encode()
    authority = Authority.root()
    if "cert_file" in auth:
        key = ecdsa_key(1) if auth["method"] == "ecdsa" else rsa_key(1)
        names = [peer["local_id"].removeprefix("fqdn:")] if "local_id" in peer else []
        issued = authority.issue("C=CH, O=Example, CN=gw", key, names=names)
        yield auth["cert_file"], issued.chain_pem
        yield auth["key_file"], issued.key_pem
    for name in auth.get("ca_files", ()):
        yield name, authority.issued.pem
    for name in auth.get("crl_files", ()):
        yield name, crl_pem(authority.crl())
    if "remote_cert_file" in auth:
        yield auth["remote_cert_file"], authority.issue("C=CH, O=Example, CN=other", ecdsa_key(2)).pem
