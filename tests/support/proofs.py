"""Two ends that prove themselves by certificates, users or both."""

from functools import cache
from typing import Any

from ikeview.core.specs import Method, XauthSpec
from ikeview.crypto.certificates import Trust
from ikeview.crypto.passwords import PasswordHash
from ikeview.crypto.secret import Secret
from tests.support.link import Link
from tests.support.pki import Authority, Issued, ecdsa_key, rsa_key
from tests.support.scenes import link

PASSWORD = Secret(b"open sesame")
USERS = (("alice", PasswordHash.of(PASSWORD, bytes(16))),)
CLIENT = XauthSpec(False, user="alice", password=PASSWORD)
SERVER = XauthSpec(True, users=USERS)


@cache
def authority() -> Authority:
    """Whom both ends trust."""
    return Authority.root(key=rsa_key(0))


def issued(end: str, method: Method, bits: int = 256) -> Issued:
    """The certificate of that end, its name in it; the same each time."""
    return _issued(end, method, bits)


@cache
def _issued(end: str, method: Method, bits: int) -> Issued:
    number = 1 if end == "left" else 2
    key = ecdsa_key(number, bits) if method is Method.ECDSA else rsa_key(number)
    return authority().issue(f"C=CH, O=ikeview, CN={end}", key, names=[f"{end}.example.test", f"10.99.0.{number}"])


def certified(end: str, method: Method, bits: int = 256, **trust: Any) -> dict[str, Any]:
    """What a peer's settings need for a certificate of our own, and for trusting the other end's."""
    own = issued(end, method, bits)
    return {
        "auth_method": method, "certificates": (own.ours,), "key": own.private,
        "trust": Trust((authority().ours,), **trust),
    }


def proving(method: Method, *, mode: str = "main", client: str = "left", bits: int = 256, **more: Any) -> Link:
    """A link whose ends prove themselves that way; ``client`` is the end that XAUTH asks for a user."""
    sides: dict[str, dict[str, Any]] = {}
    for end in ("left", "right"):
        spec: dict[str, Any] = {"auth_method": method, "mode": mode, "aggressive_psk": True}
        if method in (Method.RSA, Method.ECDSA, Method.XAUTH_RSA) or (method is Method.HYBRID and end != client):
            spec |= certified(end, method, bits)
        elif method is Method.HYBRID:
            spec["trust"] = Trust((authority().ours,))
        if not method.shared_secret:
            spec["secret"] = None
        if method.xauth:
            spec["xauth"] = CLIENT if end == client else SERVER
        sides[end] = spec | more.get(end, {})
    return link(left=sides["left"], right=sides["right"])
