"""How both ends of a phase 1 prove who they are: pre-shared keys and signatures (RFC 2409 sections 5.1 and 5.4), ECDSA
(RFC 4754), XAUTH (draft-beaulieu-ike-xauth-02) and hybrid (draft-ietf-ipsec-isakmp-hybrid-auth-05)."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ikeview.core.facts import Cause, DropReason
from ikeview.core.identity import Identity, IdentityPattern, allowed_by
from ikeview.core.refusals import Abort, Discard
from ikeview.core.specs import Address, Method, PeerSpec, Role
from ikeview.crypto.certificates import BadCertificate, Certificate, Judged, Trust
from ikeview.crypto.hashes import HASHES, Hash
from ikeview.crypto.secret import Secret
from ikeview.crypto.signatures import BadSignature, PrivateKey
from ikeview.crypto.suites import Phase1Suite
from ikeview.wire.message import Chain
from ikeview.wire.numbers import NotifyType
from ikeview.wire.payloads import Certificate as CertificatePayload
from ikeview.wire.payloads import HashPayload, Payload, Signature

X509_SIGNATURE = 4
"""The certificate encoding of RFC 2408 section 3.9 that is used here."""


class Proof(StrEnum):
    """By what one end proves itself."""

    HASH = "hash"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Scheme:
    """A value of the phase 1 attribute Authentication Method. ``client`` is the end of phase 1 that XAUTH asks for a
    user; ``hash_name`` the hash of HASH_I and HASH_R where it is not the negotiated one (RFC 4754 section 3)."""

    number: int
    method: Method
    initiator: Proof
    responder: Proof
    client: Role | None = None
    hash_name: str = ""

    def proof(self, role: Role) -> Proof:
        """By what that end proves itself."""
        return self.initiator if role is Role.INITIATOR else self.responder

    def hash(self, suite: Phase1Suite) -> Hash:
        """The hash of HASH_I and HASH_R."""
        return HASHES[self.hash_name] if self.hash_name else suite.hash


_HASH, _SIGN = Proof.HASH, Proof.SIGNATURE

SCHEMES: tuple[Scheme, ...] = (
    Scheme(1, Method.PSK, _HASH, _HASH),
    Scheme(3, Method.RSA, _SIGN, _SIGN),
    Scheme(9, Method.ECDSA, _SIGN, _SIGN, hash_name="sha256"),
    Scheme(10, Method.ECDSA, _SIGN, _SIGN, hash_name="sha384"),
    Scheme(11, Method.ECDSA, _SIGN, _SIGN, hash_name="sha512"),
    Scheme(65001, Method.XAUTH_PSK, _HASH, _HASH, Role.INITIATOR),
    Scheme(65002, Method.XAUTH_PSK, _HASH, _HASH, Role.RESPONDER),
    Scheme(65005, Method.XAUTH_RSA, _SIGN, _SIGN, Role.INITIATOR),
    Scheme(65006, Method.XAUTH_RSA, _SIGN, _SIGN, Role.RESPONDER),
    Scheme(64221, Method.HYBRID, _HASH, _SIGN, Role.INITIATOR),
    Scheme(64222, Method.HYBRID, _SIGN, _HASH, Role.RESPONDER),
)
_CURVES = {256: 9, 384: 10, 521: 11}


def scheme_of(spec: PeerSpec, role: Role) -> Scheme:
    """The scheme of a peer's configuration if we have that role in phase 1."""
    client = None
    if spec.auth_method.xauth:
        server = spec.xauth is not None and spec.xauth.server
        client = role.other if server else role
    number = _CURVES[spec.key.public.bits] if spec.auth_method is Method.ECDSA and spec.key else 0
    return next(
        each
        for each in SCHEMES
        if each.method is spec.auth_method and each.client is client and number in (0, each.number)
    )


def scheme_name(number: int) -> str:
    """An authentication method in words."""
    found = next((each for each in SCHEMES if each.number == number), None)
    if found is None:
        return f"authentication {number}"
    if found.client is not None:
        return f"{found.method} ({found.client} is the client)"
    return f"{found.method} {found.hash_name}".strip()


@dataclass(frozen=True, slots=True)
class Candidate:
    """What one peer of the configuration brings into a phase 1. ``remote_id`` None: whatever its certificate says."""

    peer: str
    scheme: Scheme
    suites: tuple[Phase1Suite, ...]
    secret: Secret | None
    local_id: Identity
    remote_id: IdentityPattern | None
    certificates: tuple[Certificate, ...] = ()
    key: PrivateKey | None = None
    trust: Trust | None = None
    aggressive_psk: bool = False
    """Aggressive Mode with a pre-shared key is answered."""


def prove(candidate: Candidate, role: Role, digest: bytes) -> list[Payload]:
    """The payloads that prove us: HASH, or our certificates and SIG over it (RFC 2409 section 5.1)."""
    if candidate.scheme.proof(role) is Proof.HASH:
        return [HashPayload(digest)]
    assert candidate.key is not None, "the settings have seen to it"
    return [
        *(CertificatePayload(X509_SIGNATURE, each.der) for each in candidate.certificates),
        Signature(candidate.key.sign(digest)),
    ]


@dataclass(frozen=True, slots=True)
class Proved:
    """A peer that has proved itself: as which candidate, as whom, and with which certificate."""

    candidate: Candidate
    identity: Identity
    judged: Judged | None = None


def check_proof(
    candidates: tuple[Candidate, ...], role: Role, chain: Chain, identity: Identity, digest: bytes, wall: float
) -> Proved:
    """Whether the peer, which has ``role`` in phase 1, is who it says it is, and one of the candidates.

    Raises ``Discard`` for a proof that does not hold, which anybody can send, and ``Abort`` for one that holds but does
    not satisfy the configuration."""
    if candidates[0].scheme.proof(role) is Proof.HASH:
        given = chain.first(HashPayload)
        assert given is not None, "the ladder has checked it"
        if not hmac.compare_digest(given.data, digest):
            raise Discard(DropReason.BAD_HASH, "the peer does not know the same pre-shared key")
        return Proved(_expected(candidates, identity), identity)
    certificates = _sent(chain, candidates)
    signature = chain.first(Signature)
    assert signature is not None, "the ladder has checked it"
    own = _signer(certificates, candidates[0].scheme, digest, signature.data)
    candidate = _expected(candidates, identity)
    assert candidate.trust is not None, "the settings have seen to it"
    try:
        judged = candidate.trust.judge([own, *(each for each in certificates if each is not own)], wall)
        if judged.path[0] != own:
            raise BadCertificate("the signature was made with the key of another certificate than the peer's own")
        names = own.names
    except BadCertificate as error:
        raise _refused(error) from error
    if not allowed_by(identity, names):
        texts = tuple(str(Identity.of_general_name(each)) for each in names)
        raise Abort(
            NotifyType.INVALID_ID_INFORMATION,
            Cause.CERTIFICATE,
            f"the peer calls itself {identity}, but its certificate says {', '.join(texts)}",
            (str(identity),),
            texts,
        )
    return Proved(candidate, identity, judged)


def _signer(certificates: list[Certificate], scheme: Scheme, digest: bytes, signature: bytes) -> Certificate:
    """The certificate whose key has made the signature: mostly the first, but some send their chain in another order.
    Raises ``Discard``."""
    problem = "it was not made with the key of any certificate that came with it"
    for each in certificates:
        try:
            key = each.public_key
            fits = _CURVES.get(key.bits) == scheme.number if scheme.method is Method.ECDSA else key.kind == "rsa"
            if not fits or (scheme.method is Method.ECDSA) != (key.kind == "ecdsa"):
                problem = f"{key} does not go with {scheme_name(scheme.number)}"
                continue
            key.verify(digest, signature)
            return each
        except BadSignature as error:
            problem = str(error) or problem
        except BadCertificate:
            # what cannot be read has signed nothing
            continue
    raise Discard(DropReason.BAD_SIGNATURE, problem)


def _sent(chain: Chain, candidates: tuple[Candidate, ...]) -> list[Certificate]:
    """The certificates that the peer sent, its own first; else the one that is configured."""
    sent = [Certificate(each.data) for each in chain.all(CertificatePayload) if each.encoding == X509_SIGNATURE]
    pinned = [each.trust.pinned for each in candidates if each.trust is not None and each.trust.pinned is not None]
    certificates = sent or pinned[:1]
    if not certificates:
        raise Discard(DropReason.MISSING_PAYLOAD, "the peer sent no certificate, and none is configured for it")
    return certificates


def _expected(candidates: tuple[Candidate, ...], identity: Identity) -> Candidate:
    """The candidate that may have that identity. Raises ``Abort``."""
    for each in candidates:
        if each.remote_id is None or each.remote_id.matches(identity):
            return each
    expected = tuple(str(each.remote_id) for each in candidates)
    raise Abort(
        NotifyType.INVALID_ID_INFORMATION,
        Cause.IDENTITY,
        f"the peer calls itself {identity}, the configuration says {', '.join(expected)}",
        (str(identity),),
        expected,
    )


def _refused(error: BadCertificate) -> Abort:
    return Abort(NotifyType.INVALID_CERTIFICATE, Cause.CERTIFICATE, f"the peer's certificate is refused: {error}")


def name_text(name: bytes) -> str:
    """A certificate's subject or issuer (DER) in words."""
    return str(Identity.of_general_name(("dn", name))).removeprefix("dn:")


def narrowest_first(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Those that fewer identities fit first, so that one peer's own name is not taken by another's pattern."""
    return tuple(sorted(candidates, key=lambda each: -each.remote_id.specificity if each.remote_id else 0))


def candidate_of(spec: PeerSpec, role: Role, local: Address, remote: Address) -> Candidate:
    """A peer's configuration for a phase 1 between these addresses in which we have that role."""
    scheme = scheme_of(spec, role)
    local_id, remote_id = spec.local_id, spec.remote_id
    if local_id is None and spec.certificates:
        local_id = Identity.of_general_name(("dn", spec.certificates[0].subject))
    anybody = scheme.proof(role.other) is Proof.SIGNATURE or (spec.auth_method is Method.HYBRID and spec.serves_users)
    if remote_id is None and not anybody:
        remote_id = IdentityPattern.of(Identity.of_address(remote))
    return Candidate(
        spec.name, scheme, spec.proposals, spec.secret, local_id or Identity.of_address(local), remote_id,
        spec.certificates, spec.key, spec.trust, spec.aggressive_psk,
    )
