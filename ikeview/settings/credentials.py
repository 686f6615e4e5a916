"""What a peer's file names to prove who we are and who the peer is: keys, passwords, certificates, users.

Everything that is written is looked at, so that one run shows what is wrong with each file.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

from ikeview.core.identity import Identity, spelled_by
from ikeview.core.specs import Method
from ikeview.crypto.certificates import BadCertificate, Certificate, RevocationList, Trust
from ikeview.crypto.secret import Secret
from ikeview.crypto.signatures import BadKey, PrivateKey, PublicKey
from ikeview.settings import secret
from ikeview.settings.files import Content, read_file
from ikeview.settings.problems import BadValue
from ikeview.settings.schema import Auth, Peer, Xauth
from ikeview.settings.shape import Finding
from ikeview.settings.users import Users, read_users

T = TypeVar("T")

FILE_LIMIT = 1_000_000
"""Octets of a file of certificates or lists."""
_KEY_LIMIT = 64_000
_NO_SUBJECT = b"\x30\x00"
"""An empty RDNSequence (RFC 5280 section 4.1.2.6)."""


@dataclass(slots=True)
class Credentials:
    """As far as they could be read."""

    secret: Secret | None = None
    certificates: tuple[Certificate, ...] = ()
    key: PrivateKey | None = None
    trust: Trust | None = None
    password: Secret | None = None
    users: Users = ()

    def local_id(self, written: Identity | None) -> Identity | None:
        """Who we are: as ``written``, with a certificate as that spells it, and without a word its subject."""
        if not self.certificates:
            return written
        mine = self.certificates[0]
        if written is None:
            return Identity.of_general_name(("dn", mine.subject))
        return spelled_by(written, mine.names)


class Files:
    """What has been read in one pass over a folder: peers commonly name the same files, and to check a private key
    takes a tenth of a second."""

    def __init__(self) -> None:
        self._read: dict[tuple[Callable[[Path, str], object], str], object] = {}

    def once(self, read: Callable[[Path, str], T], path: Path, shown: str) -> T:
        """``read(path, shown)`` of the first time; raises what that has raised."""
        key = (read, os.path.realpath(path))
        if key not in self._read:
            try:
                self._read[key] = read(path, shown)
            except (BadValue, BadCertificate, BadKey) as error:
                self._read[key] = error
        found = self._read[key]
        if isinstance(found, Exception):
            raise found
        return cast(T, found)


def read_credentials(peer: Peer, content: Content, files: Files) -> tuple[Credentials, list[Finding]]:
    """Those of ``peer``, whose file is ``content``, and what is wrong with them."""
    reading = _Reading(content, files)
    if peer.auth is not None:
        reading.auth(peer.auth)
        reading.certificate_and_key(peer, peer.auth)
    if peer.xauth is not None:
        reading.xauth(peer.xauth)
    return reading.credentials, reading.findings


class _Reading:
    """One pass over the files; ``findings`` grows."""

    def __init__(self, content: Content, files: Files) -> None:
        self._content = content
        self._files = files
        self.credentials = Credentials()
        self.findings: list[Finding] = []

    def auth(self, auth: Auth) -> None:
        """``[auth]``, each key by itself."""
        got = self.credentials
        got.secret = self._secret("auth", "secret", auth, secret.key)
        if (name := auth.cert_file) is not None:
            got.certificates = self._found("auth.cert_file", lambda: self._once(_certificates, name)) or ()
        if (key_name := auth.key_file) is not None:
            got.key = self._found("auth.key_file", lambda: self._once(_key, key_name))
        authorities = self._all("auth.ca_files", auth.ca_files, _certificates)
        lists = self._all("auth.crl_files", auth.crl_files, _lists)
        pinned: Certificate | None = None
        if (pinned_name := auth.remote_cert_file) is not None:
            pinned = self._found("auth.remote_cert_file", lambda: self._once(_pinned, pinned_name))
        if authorities or pinned:
            got.trust = Trust(authorities, lists, auth.crl == "strict", pinned)

    def xauth(self, xauth: Xauth) -> None:
        """``[xauth]``."""
        self.credentials.password = self._secret("xauth", "password", xauth, secret.password)
        name = xauth.users_file
        if name is None:
            return
        read = self._found("xauth.users_file", lambda: self._once(read_users, name))
        if read is not None:
            self.credentials.users, wrong = read
            self.findings += [replace(each, key="xauth.users_file") for each in wrong]

    def certificate_and_key(self, peer: Peer, auth: Auth) -> None:
        """What our certificate, the key, the method and ``local_id`` must be to each other."""
        got = self.credentials
        mine = got.certificates[0] if got.certificates else None
        public = None
        if mine is not None:
            public = self._found("auth.cert_file", lambda: _public_key(mine))
        if public is not None and got.key is not None and got.key.public != public:
            self._finding(
                "auth.key_file",
                "is not the key of the certificate in cert_file",
                "name the one with which the certificate was asked for",
            )
        kinds = [each for each in (public, got.key.public if got.key else None) if each is not None]
        if kinds and auth.method in _KINDS and kinds[0].kind != _KINDS[auth.method]:
            other = f'write method = "{kinds[0].kind}", or ' if auth.method in (Method.RSA, Method.ECDSA) else ""
            self._finding(
                "auth.method",
                f"{auth.method} wants a key of the kind {_KINDS[auth.method]}, and this one is {_described(kinds[0])}",
                f"{other}make a key and a certificate of that kind",
            )
        if mine is not None:
            self._local_id(peer, mine)

    def _local_id(self, peer: Peer, mine: Certificate) -> None:
        names = self._found("auth.cert_file", lambda: mine.names)
        if names is None:
            return
        listed = ", ".join(str(Identity.of_general_name(each)) for each in names) or "none"
        if peer.local_id is None:
            if mine.subject == _NO_SUBJECT:
                text = "is missing, and the certificate has no subject to take for it"
                self._finding("local_id", text, f"write one of its names: {listed}")
        elif spelled_by(peer.local_id, names) is None:
            text = f"{peer.local_id} is not among the names of our certificate, so the peer would refuse it"
            self._finding("local_id", text, f"its names are: {listed}")

    # -- files -------------------------------------------------------------------------------------------------------

    def _once(self, read: Callable[[Path, str], T], name: str) -> T:
        """What ``read`` makes of the file, which is called by its whole path in errors."""
        path = self._content.path.parent / name
        return self._files.once(read, path, os.path.normpath(path))

    def _all(
        self, key: str, names: Sequence[str] | None, read: Callable[[Path, str], tuple[T, ...]]
    ) -> tuple[T, ...]:
        found: list[T] = []
        for index, name in enumerate(names or ()):
            found += self._found(f"{key}[{index}]", partial(self._once, read, name)) or ()
        return tuple(found)

    def _secret(self, table: str, word: str, keys: Auth | Xauth, decoder: secret.Decoder) -> Secret | None:
        """The secret of ``word_file``, ``word_env`` or ``word``."""
        name, variable, text = (getattr(keys, each) for each in (f"{word}_file", f"{word}_env", word))
        found: Secret | None = None
        if name is not None:
            beside = self._content.path.parent
            found = self._found(f"{table}.{word}_file", lambda: secret.from_file(name, beside, decoder))
        if variable is not None:
            otherwise = f"{word}_file"
            found = self._found(
                f"{table}.{word}_env", lambda: secret.from_environment(variable, decoder, otherwise)
            )
        if text is not None:
            found = self._found(f"{table}.{word}", lambda: secret.from_peer_file(text, self._content, decoder))
        return found

    def _found(self, key: str, find: Callable[[], T]) -> T | None:
        try:
            return find()
        except BadValue as error:
            self._finding(key, error.text, error.hint)
        except (BadCertificate, BadKey) as error:
            self._finding(key, str(error), "")
        return None

    def _finding(self, key: str, text: str, hint: str) -> None:
        self.findings.append(Finding(key, text, hint))


_KINDS = {Method.RSA: "rsa", Method.ECDSA: "ecdsa", Method.XAUTH_RSA: "rsa", Method.HYBRID: "rsa"}


def _certificates(path: Path, shown: str) -> tuple[Certificate, ...]:
    found = Certificate.load_all(read_file(path, FILE_LIMIT, shown).data)
    if not found:
        raise BadValue(f"{shown} holds no certificate", "put it there as PEM or DER")
    return found


def _pinned(path: Path, shown: str) -> Certificate:
    found = _certificates(path, shown)
    if len(found) > 1:
        raise BadValue(f"{shown} holds {len(found)} certificates", "leave the peer's own there")
    return found[0]


def _lists(path: Path, shown: str) -> tuple[RevocationList, ...]:
    found = RevocationList.load_all(read_file(path, FILE_LIMIT, shown).data)
    if not found:
        raise BadValue(f"{shown} holds no revocation list", "put it there as PEM or DER")
    return found


def _key(path: Path, shown: str) -> PrivateKey:
    content = read_file(path, _KEY_LIMIT, shown)
    content.check_private()
    return PrivateKey.load(content.data)


def _public_key(certificate: Certificate) -> PublicKey:
    return certificate.public_key


def _described(key: PublicKey) -> str:
    return f"{key.kind} with {key.bits} bits"
