"""Which keys of ``[auth]``, ``[xauth]`` and ``[config]`` belong together: by method and by role."""

from collections.abc import Iterator

from ikeview.core.specs import Method
from ikeview.settings.schema import Auth, Config, Peer, Xauth
from ikeview.settings.shape import Finding
from ikeview.settings.values import Remote

DNS_MOST, SPLIT_INCLUDE_MOST = 8, 40
"""With these mode config's answer stays below the size at which messages are fragmented."""

_SECRETS = ("secret_file", "secret_env", "secret")
_OURS = ("cert_file", "key_file")
_THEIRS = ("ca_files", "remote_cert_file")
_LISTS = ("crl_files", "crl")
_PASSWORDS = ("password_file", "password_env", "password")
_SERVER_CONFIG = ("pool", "dns", "domain", "banner", "split_include")


def auth_findings(peer: Peer, auth: Auth) -> Iterator[Finding]:
    """Rules of ``[auth]`` and whether there is an ``[xauth]``."""
    method = auth.method
    yield from _xauth_presence(peer, method)
    if method.shared_secret:
        yield from _exactly_one(auth, "auth", _SECRETS, "secret", 'secret_file = "../secrets/tokyo.psk"')
        yield from _foreign(auth, (*_OURS, *_THEIRS, *_LISTS), f'method = "{method}"', "auth.method")
        yield from _aggressive_psk_findings(peer, auth)
        return
    yield from _foreign(auth, (*_SECRETS, "aggressive_psk"), f'method = "{method}"', "auth.method")
    role = peer.xauth.role if peer.xauth is not None else None
    if method is Method.HYBRID and role is None:
        return
    why = f'method = "{method}"'
    about = ["auth.method"]
    if method is Method.HYBRID:
        why += f" and xauth.role = \"{role}\""
        about.append("xauth.role")
    if method is Method.HYBRID and role == "client":
        yield from _foreign(auth, _OURS, why, *about)
    else:
        for key, example in zip(_OURS, ("../certs/here.pem", "../secrets/here.key"), strict=True):
            if getattr(auth, key) is None:
                yield Finding(
                    f"auth.{key}", f"is missing, and {why} needs it", f'write {key} = "{example}"', tuple(about)
                )
    if method is Method.HYBRID and role == "server":
        yield from _foreign(auth, (*_THEIRS, *_LISTS), why, *about)
    else:
        yield from _trust_findings(auth, why, about)


def _trust_findings(auth: Auth, why: str, about: list[str]) -> Iterator[Finding]:
    if auth.remote_cert_file is not None:
        # only that one is taken, whoever issued it and whatever became of it since
        yield from _foreign(auth, ("ca_files", *_LISTS), "remote_cert_file", "auth.remote_cert_file")
        return
    for key in ("ca_files", "crl_files"):
        if getattr(auth, key) == []:
            yield Finding(f"auth.{key}", "is empty", "name a file in it, or take it out")
    if auth.ca_files is None:
        yield Finding(
            "auth.ca_files",
            f"is missing, and {why} needs it or remote_cert_file",
            'write ca_files = ["../certs/ca.pem"]',
            (*about, "auth.remote_cert_file"),
        )
    if auth.crl == "strict" and auth.crl_files is None:
        text = "strict without crl_files would refuse every certificate"
        yield Finding("auth.crl", text, 'write crl_files = ["../certs/ca.crl"]', ("auth.crl_files",))


def _aggressive_psk_findings(peer: Peer, auth: Auth) -> Iterator[Finding]:
    about = ("mode", "role", "remote", "auth.method")
    answers = peer.role != "initiator"
    if auth.aggressive_psk:
        if peer.mode != "aggressive":
            yield Finding("auth.aggressive_psk", 'has no meaning with mode = "main"', "take it out", about)
        elif not answers:
            yield Finding("auth.aggressive_psk", 'has no meaning with role = "initiator"', "take it out", about)
    elif peer.mode == "aggressive" and peer.remote is not None and not _can_call(peer.role, peer.remote):
        yield Finding(
            "auth.aggressive_psk",
            "is missing: everybody who asks gets a hash to try passwords on, so this must be wanted",
            "write aggressive_psk = true, or better use certificates",
            about,
        )


def _can_call(role: str, remote: Remote) -> bool:
    return role != "responder" and remote.is_one_place


def _xauth_presence(peer: Peer, method: Method) -> Iterator[Finding]:
    if method.xauth and peer.xauth is None:
        text = f'is missing, and method = "{method}" needs it'
        yield Finding("xauth", text, 'write [xauth] and below it role = "client" or role = "server"', ("auth.method",))
    if not method.xauth and peer.xauth is not None:
        instead = {Method.PSK: "xauth-psk", Method.RSA: "xauth-rsa"}.get(method, "xauth-rsa")
        text = f'does not go with method = "{method}"'
        yield Finding("xauth", text, f'take it out, or write method = "{instead}"', ("auth.method",))


def xauth_findings(xauth: Xauth) -> Iterator[Finding]:
    """Rules of ``[xauth]``."""
    if xauth.role == "client":
        yield from _foreign(xauth, ("users_file",), 'role = "client"', "xauth.role", table="xauth")
        if xauth.user is None:
            yield Finding("xauth.user", "is missing", 'write user = "alice"', ("xauth.role",))
        yield from _exactly_one(xauth, "xauth", _PASSWORDS, "password", 'password_file = "../secrets/alice"')
    elif xauth.role == "server":
        yield from _foreign(xauth, ("user", *_PASSWORDS), 'role = "server"', "xauth.role", table="xauth")
        if xauth.users_file is None:
            yield Finding("xauth.users_file", "is missing", 'write users_file = "../secrets/users"', ("xauth.role",))


def config_findings(config: Config) -> Iterator[Finding]:
    """Rules of ``[config]``."""
    if config.role == "client":
        yield from _foreign(config, _SERVER_CONFIG, 'role = "client"', "config.role", table="config")
    elif config.role == "server" and config.pool is None:
        yield Finding("config.pool", "is missing", 'write pool = "10.3.0.0/24"', ("config.role",))
    for key, most in (("dns", DNS_MOST), ("split_include", SPLIT_INCLUDE_MOST)):
        if len(getattr(config, key) or ()) > most:
            yield Finding(f"config.{key}", f"more than {most} do not fit one message", "take some out")


def _exactly_one(
    keys: Auth | Xauth, table: str, ways: tuple[str, ...], word: str, example: str
) -> Iterator[Finding]:
    written = [name for name in ways if getattr(keys, name) is not None]
    if len(written) != 1:
        yield Finding(
            table,
            f"{' and '.join(written)} exclude one another" if written else f"has no {word}",
            "keep one of them" if written else f"write {example}, {ways[1]} or {ways[2]}",
            (*(f"{table}.{name}" for name in ways), "auth.method", "xauth.role"),
        )


def _foreign(
    keys: Auth | Xauth | Config, names: tuple[str, ...], why: str, *about: str, table: str = "auth"
) -> Iterator[Finding]:
    """Those of ``names`` that are written although ``why`` leaves no meaning to them."""
    for name in names:
        if name in keys.model_fields_set:
            yield Finding(f"{table}.{name}", f"has no meaning with {why}", "take it out", about)
