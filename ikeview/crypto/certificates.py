"""X.509 certificates (RFC 5280): read, named, and judged by authorities and revocation lists.

A peer's certificates are hostile until they are judged: what is read is bounded, the way up to an authority is looked
for step by step with each certificate visited once, and nothing that a certificate names is ever fetched.
"""

import base64
import binascii
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from itertools import pairwise
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import CRLEntryExtensionOID, ExtendedKeyUsageOID, ExtensionOID

from ikeview.crypto import names
from ikeview.crypto.names import BadName, NormalName
from ikeview.crypto.signatures import BadKey, PublicKey

MOST_OCTETS = 32 * 1024
"""Of one certificate; those of gateways have 500 to 3,000."""
MOST_CHAIN = 8
"""Certificates of a peer that are looked at."""
_MOST_NAMES = 256
"""subjectAltNames of one certificate; also the parts of a name constraint."""
_LEAST_EC_BITS = 224

GeneralName = tuple[str, bytes]
"""``dn`` (DER), ``fqdn``, ``user`` (RFC 822), ``ip`` (4 or 16 octets), and the octets."""

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")

_KNOWN_EXTENSIONS = frozenset((
    ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME, ExtensionOID.ISSUER_ALTERNATIVE_NAME, ExtensionOID.NAME_CONSTRAINTS,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER, ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    # of no effect here: any policy will do, and nothing is fetched
    ExtensionOID.CERTIFICATE_POLICIES, ExtensionOID.CRL_DISTRIBUTION_POINTS, ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
))  # fmt: skip
_USABLE_FOR = frozenset((
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH,
    # ipsecEndSystem, ipsecTunnel, ipsecUser (RFC 2459, withdrawn), ipsecIKE (RFC 4945), ikeIntermediate (old drafts)
    *map(x509.ObjectIdentifier, ("1.3.6.1.5.5.7.3.5", "1.3.6.1.5.5.7.3.6", "1.3.6.1.5.5.7.3.7", "1.3.6.1.5.5.7.3.17",
                                 "1.3.6.1.5.5.8.2.2")),
))  # fmt: skip
_REASONS = {
    x509.ReasonFlags.key_compromise: ", since its key was stolen",
    x509.ReasonFlags.ca_compromise: ", since the authority's key was stolen",
    x509.ReasonFlags.aa_compromise: ", since the authority's key was stolen",
    x509.ReasonFlags.affiliation_changed: ", since its owner belongs elsewhere now",
    x509.ReasonFlags.superseded: ", since another took its place",
    x509.ReasonFlags.cessation_of_operation: ", since it is no longer needed",
    x509.ReasonFlags.certificate_hold: ", for the time being (on hold)",
    x509.ReasonFlags.privilege_withdrawn: ", since its owner may no longer use it",
}
_BROKEN_HASHES = {"md5": "MD5", "sha1": "SHA-1"}

_IssuerKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey
E = TypeVar("E", bound=x509.ExtensionType)


class BadCertificate(ValueError):
    """A certificate or list cannot be read, or is not trusted; the text says which and why, with dates."""


class _NotSigned(BadCertificate):
    """Not with that key."""


def _date(when: float) -> str:
    return f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d %H:%M UTC}"


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """Whatever the library says to octets that are not what they claim to be is a ``BadCertificate``, and what it warns
    of is no news to an operator."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except BadCertificate:
        raise
    except BaseException as error:
        # the library raises a dozen kinds here, by what is wrong, and its words may hold the peer's; a fault of its own
        # is no Exception, and must not end the engine either
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise BadCertificate(f"{what} cannot be read ({type(error).__name__})") from None


@lru_cache(maxsize=128)
def _certificate(der: bytes) -> x509.Certificate:
    if len(der) > MOST_OCTETS:
        raise BadCertificate(f"a certificate of {len(der)} octets is too large: {MOST_OCTETS} are taken")
    with _reading("a certificate"):
        return x509.load_der_x509_certificate(der)


@lru_cache(maxsize=128)
def _body(der: bytes) -> tuple[bytes, bytes]:
    """Issuer and subject as they stand in the certificate: the library writes names anew."""
    parts: list[bytes] = []
    signed = _certificate(der).tbs_certificate_bytes
    try:
        _, at, end = names.take(signed, 0, len(signed))
        # version (if given), serialNumber, signature, issuer, validity, subject
        while at < end and len(parts) < 6:
            tag, _, after = names.take(signed, at, end)
            if tag != 0xA0:
                parts.append(signed[at:after])
            at = after
        return parts[2], parts[4]
    except (BadName, IndexError):
        raise BadCertificate("a certificate whose names cannot be read") from None


@dataclass(frozen=True, slots=True, repr=False)
class Certificate:
    """One certificate; equal by its DER. It may be made of a peer's octets as they are: if they are no certificate,
    whatever it is asked raises ``BadCertificate``."""

    der: bytes

    @classmethod
    def load_all(cls, data: bytes) -> tuple["Certificate", ...]:
        """All certificates of a PEM file, or the one of a DER file. Raises ``BadCertificate``."""
        found = tuple(map(cls, _blocks(data, ("CERTIFICATE", "X509 CERTIFICATE"), "certificate")))
        for number, each in enumerate(found, 1):
            _in_file(each.check, number, "certificate")
        return found

    def check(self) -> "Certificate":
        """Itself, if it can be read. Raises ``BadCertificate``."""
        _body(self.der)
        return self

    @property
    def public_key(self) -> PublicKey:
        """Raises ``BadCertificate`` for kinds that cannot sign here."""
        with _reading(f"the key of {self}"):
            try:
                return PublicKey.of(_certificate(self.der).public_key())
            except BadKey as error:
                raise BadCertificate(f"the certificate of {self} has {error}") from None

    @property
    def subject(self) -> bytes:
        """The subject's name in DER: the body of an ID payload of type DER_ASN1_DN."""
        return _body(self.der)[1]

    @property
    def issuer(self) -> bytes:
        """The issuer's name in DER."""
        return _body(self.der)[0]

    @property
    def serial(self) -> str:
        """The number that the issuer gave it, as other programs show it: ``0b:79:03``."""
        with _reading("a certificate's serial number"):
            number = _certificate(self.der).serial_number
        size = max(1, (abs(number).bit_length() + 7) // 8)
        return ("-" if number < 0 else "") + abs(number).to_bytes(size).hex(":")

    @property
    def not_before(self) -> float:
        """From when on it is good: UTC seconds since 1970."""
        with _reading("a certificate's dates"):
            return _certificate(self.der).not_valid_before_utc.timestamp()

    @property
    def not_after(self) -> float:
        """Until when it is good: UTC seconds since 1970."""
        with _reading("a certificate's dates"):
            return _certificate(self.der).not_valid_after_utc.timestamp()

    @property
    def validity(self) -> tuple[float, float]:
        """Both."""
        return self.not_before, self.not_after

    @property
    def names(self) -> tuple[GeneralName, ...]:
        """The subject and every subjectAltName that an identity can be."""
        found: list[GeneralName] = [("dn", self.subject)] if names.is_name(self.subject) else []
        for name in self._alternatives():
            match name:
                case x509.DNSName():
                    found.append(("fqdn", name.value.encode()))
                case x509.RFC822Name():
                    found.append(("user", name.value.encode()))
                case x509.IPAddress(value=IPv4Address() | IPv6Address() as address):
                    found.append(("ip", address.packed))
        return tuple(found)

    @property
    def is_authority(self) -> bool:
        """Whether it may have issued others."""
        constraints = self._extension(x509.BasicConstraints)
        return constraints is not None and constraints.ca

    @property
    def self_issued(self) -> bool:
        """Whether it names itself as its issuer."""
        return names.same_name(self.issuer, self.subject)

    def __str__(self) -> str:
        """The subject as text, or what else tells one from another."""
        try:
            subject = self.subject
            return names.name_text(subject) if names.is_name(subject) else f"serial number {self.serial}"
        except BadCertificate:
            return "(unreadable)"

    def __repr__(self) -> str:
        return f"Certificate({self})"

    def _extension(self, kind: type[E]) -> E | None:
        with _reading(f"the certificate of {self}"):
            try:
                return _certificate(self.der).extensions.get_extension_for_class(kind).value
            except x509.ExtensionNotFound:
                return None

    def _alternatives(self) -> list[x509.GeneralName]:
        found = self._extension(x509.SubjectAlternativeName)
        listed = [] if found is None else list(found)
        if len(listed) > _MOST_NAMES:
            raise BadCertificate(f"the certificate of {self} has more than {_MOST_NAMES} subjectAltNames")
        return listed


@lru_cache(maxsize=64)
def _list(der: bytes) -> x509.CertificateRevocationList:
    with _reading("a revocation list"):
        return x509.load_der_x509_crl(der)


@dataclass(frozen=True, slots=True, repr=False)
class RevocationList:
    """One CRL."""

    der: bytes

    @classmethod
    def load_all(cls, data: bytes) -> tuple["RevocationList", ...]:
        """All lists of a PEM file, or the one of a DER file. Raises ``BadCertificate``."""
        found = tuple(map(cls, _blocks(data, ("X509 CRL",), "revocation list")))
        for number, each in enumerate(found, 1):
            _in_file(each.check, number, "revocation list")
        return found

    def check(self) -> "RevocationList":
        """Itself, if it can be read. Raises ``BadCertificate``."""
        _ = self.issuer, self.this_update, self.next_update
        return self

    @property
    def issuer(self) -> bytes:
        """The name of the authority that made it, in DER."""
        with _reading("a revocation list"):
            return _list(self.der).issuer.public_bytes()

    @property
    def this_update(self) -> float:
        """When it was made: UTC seconds since 1970."""
        with _reading("a revocation list"):
            return _list(self.der).last_update_utc.timestamp()

    @property
    def next_update(self) -> float | None:
        """When the next one is due: UTC seconds since 1970."""
        with _reading("a revocation list"):
            due = _list(self.der).next_update_utc
            return None if due is None else due.timestamp()

    def __str__(self) -> str:
        """Its issuer as text."""
        try:
            return names.name_text(self.issuer)
        except BadCertificate:
            return "(unreadable)"

    def __repr__(self) -> str:
        return f"RevocationList({self})"


@dataclass(frozen=True, slots=True)
class Judged:
    """A certificate that was found good: the ``path`` from it to the authority, and what is known of revocation
    (``checked``, or why not)."""

    path: tuple[Certificate, ...]
    revocation: str


@dataclass(frozen=True, slots=True)
class Trust:
    """By what the peer's certificate is judged. ``pinned``: only this one is taken (no authority is needed then).
    ``strict``: without a list that is valid now, the certificate is refused."""

    authorities: tuple[Certificate, ...] = ()
    revocation_lists: tuple[RevocationList, ...] = ()
    strict: bool = False
    pinned: Certificate | None = None

    @property
    def authority_names(self) -> tuple[bytes, ...]:
        """What our CERTREQ payloads ask for (RFC 2408 section 3.10): the authorities' names in DER."""
        if self.pinned is not None:
            return (self.pinned.issuer,)
        return tuple(dict.fromkeys(each.subject for each in self.authorities))

    def judge(self, chain: Sequence[Certificate], wall: float) -> Judged:
        """``chain`` is what the peer sent, its own first; ``wall`` is UTC seconds since 1970. Raises
        ``BadCertificate``.

        The peer's own is the first that is no authority: some peers send the authority's before it. Without any sent,
        the pinned one is the peer's.
        """
        with _reading("the peer's certificate"):
            if self.pinned is not None:
                return self._judge_pinned(self.pinned, chain, wall)
            own, others = _sort(chain)
            path = _way_up(own, others, self.authorities, wall)
            return Judged(path, self._revocation(path, wall))

    def _judge_pinned(self, pinned: Certificate, chain: Sequence[Certificate], wall: float) -> Judged:
        if chain and pinned not in chain[:MOST_CHAIN]:
            own = _sort(chain)[0]
            raise BadCertificate(
                f"the peer sent the certificate of {own} (serial number {own.serial}), and only that of {pinned} "
                f"(serial number {pinned.serial}) is taken from it: if it has a new one, put that in the configuration"
            )
        _check_dates(pinned, wall)
        _ = pinned.public_key
        return Judged((pinned,), "not checked: the certificate itself is in the configuration")

    def _revocation(self, path: tuple[Certificate, ...], wall: float) -> str:
        """``checked`` or why not, of all but the authority. Raises ``BadCertificate`` for a revoked one, and with
        ``strict`` for one of which it is not known."""
        why = ""
        for certificate, issuer in pairwise(path):
            unknown = _unknown_revocation(certificate, issuer, self.revocation_lists, wall)
            if unknown and self.strict:
                raise BadCertificate(
                    f"whether the certificate of {certificate} is revoked cannot be told: {unknown}. Fetch a new list "
                    "from the authority, or do without strict checking"
                )
            why = why or unknown
        return f"not checked: {why}" if why else "checked"


# -- the way up ----------------------------------------------------------------------------------------------------


def _sort(chain: Sequence[Certificate]) -> tuple[Certificate, tuple[Certificate, ...]]:
    """The peer's own, and the others that can be read; each once."""
    if not chain:
        raise BadCertificate("the peer sent no certificate: it has none, or none from an authority that we asked for")
    found: list[Certificate] = []
    problem: BadCertificate | None = None
    for each in dict.fromkeys(chain[:MOST_CHAIN]):
        try:
            each.check()
            _ = each.is_authority
        except BadCertificate as error:
            problem = problem or error
        else:
            found.append(each)
    if not found:
        raise problem or BadCertificate("the peer sent no certificate")
    own = next((each for each in found if not each.is_authority), found[0])
    return own, tuple(each for each in found if each != own)


def _way_up(
    own: Certificate, others: tuple[Certificate, ...], authorities: tuple[Certificate, ...], wall: float
) -> tuple[Certificate, ...]:
    """The path from the peer's certificate to an authority, both included. Raises ``BadCertificate``.

    Breadth first and each certificate once, so the work is at most one signature for each pair of certificates that
    name each other, in whatever order and with whatever loops they were sent.
    """
    _check_own(own, wall)
    if own in authorities:
        return (own,)
    paths: list[tuple[Certificate, ...]] = [(own,)]
    visited = {own}
    problem: BadCertificate | None = None
    unsigned: BadCertificate | None = None
    at = 0
    while at < len(paths):
        path = paths[at]
        at += 1
        unsigned = None
        for issuer in (*authorities, *others):
            anchor = issuer in authorities
            if issuer in visited or not names.same_name(path[-1].issuer, issuer.subject):
                continue
            try:
                _check_issued(path[-1], issuer)
                _check_issuer(issuer, path, wall, anchor=anchor)
            except _NotSigned as error:
                unsigned = unsigned or error
                continue
            except BadCertificate as error:
                problem = problem or error
                continue
            if anchor:
                return (*path, issuer)
            visited.add(issuer)
            paths.append((*path, issuer))
    # what is wrong with one that would do says more than that another, which has only the name, did not sign
    raise problem or unsigned or _no_way(paths[-1][-1], authorities)


def _no_way(last: Certificate, authorities: tuple[Certificate, ...]) -> BadCertificate:
    known = "; ".join(map(str, authorities)) or "none"
    if last.self_issued:
        return BadCertificate(
            f"the certificate of {last} is its own authority, and none of ours (ours: {known}): add it to the "
            "authorities if it is to be trusted"
        )
    return BadCertificate(
        f"the certificate of {last} was issued by {names.name_text(last.issuer)}, which is none of our authorities "
        f"(ours: {known}) and which the peer has not sent either: add the authority's certificate, or have the peer "
        "send the whole chain"
    )


def _check_dates(certificate: Certificate, wall: float) -> None:
    if wall < certificate.not_before:
        raise BadCertificate(
            f"the certificate of {certificate} is not good before {_date(certificate.not_before)}, and here it is "
            f"{_date(wall)}: see whether the clocks are right"
        )
    if wall > certificate.not_after:
        raise BadCertificate(
            f"the certificate of {certificate} expired on {_date(certificate.not_after)}, and here it is "
            f"{_date(wall)}: a new one is needed, unless this clock is wrong"
        )


def _check_extensions(certificate: Certificate) -> None:
    with _reading(f"the certificate of {certificate}"):
        for each in _certificate(certificate.der).extensions:
            if each.critical and each.oid not in _KNOWN_EXTENSIONS:
                raise BadCertificate(
                    f"the certificate of {certificate} has an extension that must be understood and is not: "
                    f"{each.oid.dotted_string}"
                )


def _check_own(own: Certificate, wall: float) -> None:
    """What holds of the certificate with which a peer proves who it is."""
    _check_dates(own, wall)
    _check_extensions(own)
    _ = own.public_key, own.names
    usage = own._extension(x509.KeyUsage)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise BadCertificate(f"the certificate of {own} is not for signatures: its keyUsage lacks digitalSignature")
    extended = own._extension(x509.ExtendedKeyUsage)
    if extended is not None and _USABLE_FOR.isdisjoint(extended):
        uses = ", ".join(sorted(each.dotted_string for each in extended))
        raise BadCertificate(
            f"the certificate of {own} is for other uses ({uses}): its extendedKeyUsage wants serverAuth, clientAuth "
            "or ipsecIKE, or none at all"
        )


def _check_issuer(issuer: Certificate, path: tuple[Certificate, ...], wall: float, *, anchor: bool) -> None:
    """Whether ``issuer`` may stand above ``path`` (RFC 5280 section 6.1.4)."""
    _check_dates(issuer, wall)
    _check_extensions(issuer)
    constraints = issuer._extension(x509.BasicConstraints)
    # an authority of the first version has no extensions, and is one because the operator says so
    if (constraints is None and not anchor) or (constraints is not None and not constraints.ca):
        raise BadCertificate(f"the certificate of {issuer} is no authority's, so that of {path[-1]} is not trusted")
    usage = issuer._extension(x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        raise BadCertificate(f"the certificate of {issuer} is not for issuing others: its keyUsage lacks keyCertSign")
    between = sum(not each.self_issued for each in path[1:])
    if constraints is not None and constraints.path_length is not None and between > constraints.path_length:
        raise BadCertificate(
            f"the authority {issuer} allows {constraints.path_length} others between itself and a peer, and there are "
            f"{between}"
        )
    limits = issuer._extension(x509.NameConstraints)
    if limits is not None:
        for each in path:
            if each is path[0] or not each.self_issued:
                _check_limits(each, issuer, limits)


# -- signatures ----------------------------------------------------------------------------------------------------


def _check_issued(certificate: Certificate, issuer: Certificate) -> None:
    with _reading(f"the signature of the certificate of {certificate}"):
        read = _certificate(certificate.der)
        broken = _BROKEN_HASHES.get(read.signature_hash_algorithm.name) if read.signature_hash_algorithm else None
        if broken:
            raise BadCertificate(
                f"the certificate of {certificate} is signed with {broken}, which can be forged: have it issued anew "
                "with SHA-256"
            )
        if not _consistent(certificate.der, read.tbs_certificate_bytes):
            raise BadCertificate(f"the certificate of {certificate} contradicts itself about its signature")
        if not _signed(certificate.der, issuer.der):
            raise _NotSigned(
                f"the certificate of {certificate} names {issuer} as its issuer, and is not signed with the key that "
                "we know of it: the authority has a new one, or the certificate is forged"
            )


def _consistent(der: bytes, signed: bytes) -> bool:
    """Of a certificate or list: the algorithm stands inside what is signed and outside, and must be the same (RFC 5280
    sections 4.1.1.2 and 5.1.1.2); the signature is of whole octets, so that nothing can be changed without breaking it.
    """
    _, start, end = names.take(der, 0, len(der))
    _, _, at = names.take(der, start, end)
    after = names.take(der, at, end)[2]
    outer = der[at:after]
    _, start, end = names.take(der, after, end)
    if start == end or der[start]:
        return False
    _, at, end = names.take(signed, 0, len(signed))
    # behind version and serial number, each if there
    tag, _, after = names.take(signed, at, end)
    while tag != names.SEQUENCE:
        at = after
        tag, _, after = names.take(signed, at, end)
    return signed[at:after] == outer


def _issuer_key(issuer: Certificate) -> _IssuerKey:
    key = _certificate(issuer.der).public_key()
    if isinstance(key, rsa.RSAPublicKey):
        PublicKey.of(key)
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size >= _LEAST_EC_BITS:
        return key
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return key
    raise BadKey("a key of a kind that authorities do not have here")


@lru_cache(maxsize=256)
def _signed(der: bytes, issuer: bytes) -> bool:
    """Whether one certificate is signed with the key of another. Remembered, for peers that come again."""
    return _fits(_certificate(der), _certificate(der).tbs_certificate_bytes, Certificate(issuer))


@lru_cache(maxsize=256)
def _list_signed(der: bytes, issuer: bytes) -> bool:
    """The same of a revocation list."""
    return _fits(_list(der), _list(der).tbs_certlist_bytes, Certificate(issuer))


def _fits(signed: x509.Certificate | x509.CertificateRevocationList, octets: bytes, issuer: Certificate) -> bool:
    try:
        key = _issuer_key(issuer)
    except BadKey as error:
        raise BadCertificate(f"the certificate of {issuer} has {error}") from None
    parameters = signed.signature_algorithm_parameters
    hashed = signed.signature_hash_algorithm
    try:
        if isinstance(key, rsa.RSAPublicKey):
            if not isinstance(parameters, padding.PKCS1v15 | padding.PSS) or hashed is None:
                return False
            key.verify(signed.signature, octets, parameters, hashed)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            if not isinstance(parameters, ec.ECDSA):
                return False
            key.verify(signed.signature, octets, parameters)
        elif hashed is not None:
            return False
        else:
            key.verify(signed.signature, octets)
    except InvalidSignature:
        return False
    return True


# -- name constraints (RFC 5280 section 4.2.1.10) ------------------------------------------------------------------


def _check_limits(certificate: Certificate, issuer: Certificate, limits: x509.NameConstraints) -> None:
    permitted, excluded = list(limits.permitted_subtrees or ()), list(limits.excluded_subtrees or ())
    if len(permitted) + len(excluded) > _MOST_NAMES:
        raise BadCertificate(f"the authority {issuer} has more than {_MOST_NAMES} name constraints")
    mail = any(isinstance(each, x509.RFC822Name) for each in permitted + excluded)
    for name in _limited_names(certificate, mail=mail):
        alike = [each for each in permitted if type(each) is type(name)]
        barred = [each for each in excluded if type(each) is type(name)]
        if not alike and not barred:
            continue
        within = _WITHIN.get(type(name))
        if within is None:
            raise BadCertificate(
                f"the authority {issuer} limits names of a kind that is not understood here ({type(name).__name__}), "
                f"and the certificate of {certificate} has such a name"
            )
        if (alike and not any(within(name, each) for each in alike)) or any(within(name, each) for each in barred):
            raise BadCertificate(
                f"the certificate of {certificate} has a name that the authority {issuer} may not give out "
                f"({_name_text(name)}): its name constraints forbid it"
            )


def _limited_names(certificate: Certificate, *, mail: bool) -> list[x509.GeneralName]:
    found = certificate._alternatives()
    if mail and not any(isinstance(each, x509.RFC822Name) for each in found):
        found += [
            x509.RFC822Name(attribute.text or "")
            for part in names.read_name(certificate.subject) for attribute in part if attribute.oid == names.EMAIL
        ]
    if names.is_name(certificate.subject):
        found.append(x509.DirectoryName(_certificate(certificate.der).subject))
    return found


def _name_text(name: x509.GeneralName) -> str:
    value = name.value
    return names.name_text(value.public_bytes()) if isinstance(value, x509.Name) else str(value)


def _dns_within(name: x509.DNSName, limit: x509.DNSName) -> bool:
    value, base = name.value.lower().rstrip("."), limit.value.lower().strip(".")
    return not base or value == base or value.endswith(f".{base}")


def _mail_within(name: x509.RFC822Name, limit: x509.RFC822Name) -> bool:
    mailbox, _, host = name.value.rpartition("@")
    if "@" in limit.value:
        wanted, _, domain = limit.value.rpartition("@")
        return (mailbox, host.lower()) == (wanted, domain.lower())
    if limit.value.startswith("."):
        return host.lower().endswith(limit.value.lower())
    return not limit.value or host.lower() == limit.value.lower()


def _address_within(name: x509.IPAddress, limit: x509.IPAddress) -> bool:
    address, network = name.value, limit.value
    return (
        isinstance(network, IPv4Network | IPv6Network)
        and isinstance(address, IPv4Address | IPv6Address)
        and address.version == network.version
        and address in network
    )


def _directory_within(name: x509.DirectoryName, limit: x509.DirectoryName) -> bool:
    value, base = _normal(name.value), _normal(limit.value)
    return value[: len(base)] == base


def _normal(name: x509.Name) -> NormalName:
    return names.normal_name(names.read_name(name.public_bytes()))


_WITHIN: dict[type, Callable[..., bool]] = {
    x509.DNSName: _dns_within,
    x509.RFC822Name: _mail_within,
    x509.IPAddress: _address_within,
    x509.DirectoryName: _directory_within,
}


# -- revocation ----------------------------------------------------------------------------------------------------


def _unknown_revocation(
    certificate: Certificate, issuer: Certificate, lists: tuple[RevocationList, ...], wall: float
) -> str:
    """Why it cannot be told whether the certificate is revoked; empty if it is known that it is not. Raises
    ``BadCertificate`` if it is. A list that is out of date still says who was revoked when it was made."""
    why = ""
    current = False
    for each in lists:
        if not names.same_name(each.issuer, issuer.subject):
            continue
        problem = _list_problem(each, certificate, issuer)
        if problem:
            why = problem
            continue
        _check_listed(each, certificate)
        if each.this_update > wall:
            why = f"the revocation list of {each} is of {_date(each.this_update)}, which is yet to come"
        elif each.next_update is None:
            why = f"the revocation list of {each} does not say how long it is good"
        elif each.next_update < wall:
            why = f"the revocation list of {each} was good until {_date(each.next_update)}"
        else:
            current = True
    if current:
        return ""
    return why or f"there is no revocation list of {issuer}"


def _list_problem(found: RevocationList, certificate: Certificate, issuer: Certificate) -> str:
    """Why a list says nothing about the certificate; empty if it does."""
    usage = issuer._extension(x509.KeyUsage)
    if usage is not None and not usage.crl_sign:
        return f"{issuer} may not make revocation lists: its keyUsage lacks cRLSign"
    with _reading(f"the revocation list of {found}"):
        read = _list(found.der)
        hashed = read.signature_hash_algorithm
        if hashed is not None and hashed.name in _BROKEN_HASHES:
            return f"the revocation list of {found} is signed with {_BROKEN_HASHES[hashed.name]}, which can be forged"
        if not _consistent(found.der, read.tbs_certlist_bytes):
            return f"the revocation list of {found} contradicts itself about its signature"
        if not _list_signed(found.der, issuer.der):
            return f"the revocation list of {found} is not signed with the key of the authority"
        for extension in read.extensions:
            match extension.value:
                case x509.IssuingDistributionPoint() as part:
                    above = certificate.is_authority
                    other = part.only_contains_user_certs if above else part.only_contains_ca_certs
                    if part.indirect_crl or part.only_contains_attribute_certs or part.only_some_reasons or other:
                        return f"the revocation list of {found} is about other certificates only"
                case x509.DeltaCRLIndicator():
                    return f"the revocation list of {found} is a delta, which says nothing by itself"
                case _ if extension.critical:
                    return f"the revocation list of {found} has an extension that is not understood"
    return ""


def _check_listed(found: RevocationList, certificate: Certificate) -> None:
    with _reading(f"the revocation list of {found}"):
        entry = _list(found.der).get_revoked_certificate_by_serial_number(_certificate(certificate.der).serial_number)
        if entry is None:
            return
        when, reason = entry.revocation_date_utc.timestamp(), ""
        for extension in entry.extensions:
            if extension.oid == CRLEntryExtensionOID.CRL_REASON and isinstance(extension.value, x509.CRLReason):
                reason = _REASONS.get(extension.value.reason, "")
                if extension.value.reason == x509.ReasonFlags.remove_from_crl:
                    return
    raise BadCertificate(
        f"the certificate of {certificate} (serial number {certificate.serial}) was revoked on {_date(when)}{reason}: "
        "the peer needs a new one"
    )


# -- files ---------------------------------------------------------------------------------------------------------


def _in_file(check: Callable[[], object], number: int, what: str) -> None:
    try:
        check()
    except BadCertificate:
        raise BadCertificate(f"{what} {number} of the file cannot be read: PEM and DER are taken") from None


def _blocks(data: bytes, labels: tuple[str, ...], what: str) -> list[bytes]:
    """The DER in a PEM file under those labels, or the file itself."""
    if b"-----BEGIN " not in data:
        return [data]
    found: list[bytes] = []
    for begin in _PEM.finditer(data):
        label = begin[1].decode()
        if label not in labels:
            continue
        end = data.find(b"-----END " + begin[1] + b"-----", begin.end())
        try:
            if end < 0:
                raise binascii.Error
            found.append(base64.b64decode(b"".join(data[begin.end() : end].split()), validate=True))
        except binascii.Error:
            raise BadCertificate(f"{what} {len(found) + 1} of the file is damaged: copy it anew") from None
    if not found:
        raise BadCertificate(f"the file holds no {what}: one begins with -----BEGIN {labels[0]}-----")
    return found
