"""Authorities that issue what a test asks for: certificates of all kinds, good and bad, and revocation lists.

Keys of RSA are slow to make, so there are few: each is made once a process and asked for by number.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ikeview.crypto.certificates import Certificate, RevocationList
from ikeview.crypto.signatures import PrivateKey

BEGIN, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)
"""How long things are good unless a test says otherwise: whenever it runs, against foreign programs too."""
WALL = datetime(2026, 11, 24, tzinfo=UTC).timestamp()
"""A moment in between, for tests that have no clock."""

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
_OIDS = {
    "C": NameOID.COUNTRY_NAME, "ST": NameOID.STATE_OR_PROVINCE_NAME, "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME, "CN": NameOID.COMMON_NAME,
    "emailAddress": NameOID.EMAIL_ADDRESS, "DC": NameOID.DOMAIN_COMPONENT, "serialNumber": NameOID.SERIAL_NUMBER,
}
_CURVES = {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}


@lru_cache
def rsa_key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The RSA key of that number."""
    return rsa.generate_private_key(65537, bits)


@lru_cache
def ecdsa_key(number: int = 0, bits: int = 256) -> ec.EllipticCurvePrivateKey:
    """The ECDSA key of that number, on P-256, P-384 or P-521."""
    return ec.generate_private_key(_CURVES[bits])


def name_of(text: str) -> x509.Name:
    """``C=CH, O=ikeview, CN=gw`` without escapes, in that order."""
    pairs = [part.strip().split("=", 1) for part in text.split(",") if part.strip()]
    return x509.Name([x509.NameAttribute(_OIDS[label], value) for label, value in pairs])


def alternative(text: str) -> x509.GeneralName:
    """A subjectAltName from an address, ``user@host``, ``uri:...`` or a DNS name."""
    if text.startswith("uri:"):
        return x509.UniformResourceIdentifier(text.removeprefix("uri:"))
    if "@" in text:
        return x509.RFC822Name(text)
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def key_usage(*uses: str) -> x509.KeyUsage:
    """A keyUsage with those bits: ``digital_signature``, ``key_cert_sign``, ``crl_sign``, ..."""
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{each: each in uses for each in every})


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, as the tests, ikeview and files want them."""

    certificate: x509.Certificate
    key: Key
    chain: tuple["Issued", ...] = ()
    """What issued it, up to and without the root."""

    @cached_property
    def ours(self) -> Certificate:
        return Certificate(self.der)

    @cached_property
    def private(self) -> PrivateKey:
        return PrivateKey.load(self.key_pem)

    @cached_property
    def sent(self) -> tuple[Certificate, ...]:
        """Itself and the chain, as a peer sends them."""
        return (self.ours, *(each.ours for each in self.chain))

    @cached_property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @cached_property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @cached_property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def chain_pem(self) -> bytes:
        """Itself and the chain in one file."""
        return b"".join(each.pem for each in (self, *self.chain))

    @property
    def subject(self) -> str:
        """``C=CH, O=ikeview, CN=gw``."""
        return str(self.ours)


@dataclass
class Authority:
    """Who issues; ``issued`` is its own certificate."""

    issued: Issued
    is_root: bool = False
    numbers: int = 0x1000
    revoked: list[tuple[int, datetime, x509.ReasonFlags | None]] = field(default_factory=list)

    @classmethod
    def root(
        cls, name: str = "C=CH, O=ikeview, CN=test root", key: Key | None = None, *, begin: datetime = BEGIN,
        end: datetime = END, extensions: Iterable[tuple[x509.ExtensionType, bool]] | None = None,
        algorithm: hashes.HashAlgorithm | None = None, path_length: int | None = None,
    ) -> "Authority":
        """One that issued its own certificate."""
        key = key or ecdsa_key(1000)
        subject = name_of(name)
        if extensions is None:
            extensions = _authority_extensions(path_length)
        certificate = _sign(subject, subject, key, key, 1, begin, end, extensions, algorithm)
        return cls(Issued(certificate, key), is_root=True)

    @property
    def ours(self) -> Certificate:
        """Its certificate, as ikeview has it."""
        return self.issued.ours

    def issue(
        self, name: str = "C=CH, O=ikeview, CN=gw", key: Key | None = None, *, names: Iterable[str] = (),
        begin: datetime = BEGIN, end: datetime = END, usage: x509.KeyUsage | None = None,
        extended: Iterable[x509.ObjectIdentifier] = (), more: Iterable[tuple[x509.ExtensionType, bool]] = (),
        algorithm: hashes.HashAlgorithm | None = None, serial: int | None = None, signer: Key | None = None,
        padding: object = None,
    ) -> Issued:
        """A certificate for an end; ``signer`` signs it instead of this authority, to forge."""
        extensions: list[tuple[x509.ExtensionType, bool]] = [(x509.BasicConstraints(False, None), True)]
        listed = [alternative(each) for each in names]
        if listed:
            extensions.append((x509.SubjectAlternativeName(listed), not name))
        extensions.append((usage or key_usage("digital_signature"), True))
        if extended := list(extended):
            extensions.append((x509.ExtendedKeyUsage(extended), False))
        extensions += more
        return self._issue(name, key or ecdsa_key(0), begin, end, extensions, algorithm, serial, signer, padding)

    def authority(
        self, name: str = "C=CH, O=ikeview, CN=test intermediate", key: Key | None = None, *,
        path_length: int | None = None, begin: datetime = BEGIN, end: datetime = END,
        extensions: Iterable[tuple[x509.ExtensionType, bool]] | None = None,
        more: Iterable[tuple[x509.ExtensionType, bool]] = (), algorithm: hashes.HashAlgorithm | None = None,
        signer: Key | None = None,
    ) -> "Authority":
        """An authority below this one."""
        if extensions is None:
            extensions = _authority_extensions(path_length)
        issued = self._issue(
            name, key or ecdsa_key(2000), begin, end, [*extensions, *more], algorithm, None, signer, None
        )
        return Authority(issued)

    def _issue(
        self, name: str, key: Key, begin: datetime, end: datetime,
        extensions: Iterable[tuple[x509.ExtensionType, bool]], algorithm: hashes.HashAlgorithm | None,
        serial: int | None, signer: Key | None, padding: object,
    ) -> Issued:
        self.numbers += 1
        certificate = _sign(
            name_of(name), self.issued.certificate.subject, key, signer or self.issued.key,
            self.numbers if serial is None else serial, begin, end, extensions, algorithm, padding,
        )
        return Issued(certificate, key, () if self.is_root else (self.issued, *self.issued.chain))

    def revoke(
        self, issued: Issued, when: datetime = BEGIN, reason: x509.ReasonFlags | None = None
    ) -> None:
        """Later lists have it."""
        self.revoked.append((issued.certificate.serial_number, when, reason))

    def crl(
        self, *, made: datetime = BEGIN, due: datetime | None = END, signer: Key | None = None,
        more: Iterable[tuple[x509.ExtensionType, bool]] = (), algorithm: hashes.HashAlgorithm | None = None,
    ) -> RevocationList:
        """The list of those revoked."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.issued.certificate.subject)
        builder = builder.last_update(made).next_update(due or END)
        for serial, when, reason in self.revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when)
            if reason is not None:
                entry = entry.add_extension(x509.CRLReason(reason), False)
            builder = builder.add_revoked_certificate(entry.build())
        builder = builder.add_extension(x509.CRLNumber(1), False)
        for extension, critical in more:
            builder = builder.add_extension(extension, critical)
        made_list = builder.sign(signer or self.issued.key, _hash(signer or self.issued.key, algorithm))
        return RevocationList(made_list.public_bytes(serialization.Encoding.DER))


def weakened(issued: Issued, signer: rsa.RSAPrivateKey, algorithm: hashes.SHA1 | hashes.MD5) -> Issued:
    """The same certificate signed with a broken hash, which the library does not do any more. RSA signs it."""
    strong = bytes.fromhex("06092a864886f70d01010b")
    weak = strong[:-1] + (b"\5" if isinstance(algorithm, hashes.SHA1) else b"\4")
    tbs = issued.certificate.tbs_certificate_bytes
    changed = tbs.replace(strong, weak, 1)
    signature = signer.sign(changed, PKCS1v15(), algorithm)
    der = issued.der.replace(tbs, changed).replace(strong, weak, 1)
    der = der[: -len(signature)] + signature
    return Issued(x509.load_der_x509_certificate(der), issued.key, issued.chain)


def crl_pem(found: RevocationList) -> bytes:
    """As a file."""
    return x509.load_der_x509_crl(found.der).public_bytes(serialization.Encoding.PEM)


def strongswan_files(
    folder: Path, own: Issued, authorities: Iterable[Authority], lists: Iterable[RevocationList] = ()
) -> None:
    """Below ``folder`` as swanctl looks for them: x509, x509ca, x509crl and private. The chain goes to x509ca too, from
    where strongSwan sends it."""
    for sub in ("x509", "x509ca", "x509crl", "private"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    (folder / "x509" / "own.pem").write_bytes(own.pem)
    for number, each in enumerate((*own.chain, *(each.issued for each in authorities))):
        (folder / "x509ca" / f"{number}.pem").write_bytes(each.pem)
    for number, found in enumerate(lists):
        (folder / "x509crl" / f"{number}.pem").write_bytes(crl_pem(found))
    _secret_file(folder / "private" / "own.pem", own.key_pem)


def ikeview_files(
    folder: Path, own: Issued, authorities: Iterable[Authority], lists: Iterable[RevocationList] = ()
) -> None:
    """In ``folder``: cert.pem (with the chain), key.pem, ca.pem and crl.pem."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cert.pem").write_bytes(own.chain_pem)
    (folder / "ca.pem").write_bytes(b"".join(each.issued.pem for each in authorities))
    (folder / "crl.pem").write_bytes(b"".join(map(crl_pem, lists)))
    _secret_file(folder / "key.pem", own.key_pem)


def _secret_file(path: Path, data: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(data)


def _authority_extensions(path_length: int | None) -> list[tuple[x509.ExtensionType, bool]]:
    return [(x509.BasicConstraints(True, path_length), True), (key_usage("key_cert_sign", "crl_sign"), True)]


def _hash(key: Key, algorithm: hashes.HashAlgorithm | None) -> hashes.HashAlgorithm | None:
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else algorithm or hashes.SHA256()


def _sign(
    subject: x509.Name, issuer: x509.Name, key: Key, signer: Key, serial: int, begin: datetime, end: datetime,
    extensions: Iterable[tuple[x509.ExtensionType, bool]], algorithm: hashes.HashAlgorithm | None,
    padding: object = None,
) -> x509.Certificate:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(serial).not_valid_before(begin).not_valid_after(end)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, _hash(signer, algorithm), rsa_padding=padding)  # type: ignore[arg-type]


SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
IKE_INTERMEDIATE = x509.ObjectIdentifier("1.3.6.1.5.5.8.2.2")
