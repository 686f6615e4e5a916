"""The other payloads (RFC 2408 sections 3.7 to 3.16, RFC 2407 section 4.6, RFC 3947, draft-dukes-ike-mode-cfg-02).

``read`` takes a reader over the body, ``write`` gives the body; the generic header belongs to ``message``.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import ClassVar

from ikeview.wire.attributes import Attribute, read_attributes
from ikeview.wire.numbers import IPSEC_DOI, IdType, PayloadType
from ikeview.wire.reader import Reader
from ikeview.wire.sa import SecurityAssociation

MIN_NONCE, MAX_NONCE = 8, 256
"""RFC 2409 section 5."""
LAST_FRAGMENT = 1
"""The flag of the last piece of a message."""
MAX_SPIS = 1024
"""SPIs in one Delete; more cannot stand in a message of ``header.MAX_MESSAGE`` with sense."""


@dataclass(frozen=True, slots=True)
class KeyExchange:
    """A Diffie-Hellman public value (RFC 2408 section 3.7)."""

    TYPE: ClassVar[int] = PayloadType.KE
    data: bytes

    @classmethod
    def read(cls, r: Reader) -> "KeyExchange":
        """The group decides later whether the size is right."""
        return cls(r.rest("data"))

    def write(self) -> bytes:
        """The body."""
        return self.data


@dataclass(frozen=True, slots=True)
class Identification:
    """Who speaks, or which traffic (RFC 2407 section 4.6.2)."""

    TYPE: ClassVar[int] = PayloadType.ID
    kind: int
    protocol: int
    port: int
    data: bytes

    @classmethod
    def read(cls, r: Reader) -> "Identification":
        """Raises ``Malformed``, also where the data does not fit the type."""
        kind = r.u8("kind")
        protocol = r.u8("protocol")
        port = r.u16("port")
        data = r.rest("data")
        wanted = _ID_SIZES.get(kind)
        if wanted is not None and len(data) != wanted:
            raise r.fail("data", f"has {len(data)} octets, an ID of type {IdType(kind).name} has {wanted}")
        if not data:
            raise r.fail("data", "is empty")
        return cls(kind, protocol, port, data)

    def write(self) -> bytes:
        """The body."""
        return bytes((self.kind, self.protocol)) + self.port.to_bytes(2) + self.data


_ID_SIZES: dict[int, int] = {
    IdType.IPV4_ADDR: 4,
    IdType.IPV4_ADDR_SUBNET: 8,
    IdType.IPV4_ADDR_RANGE: 8,
    IdType.IPV6_ADDR: 16,
    IdType.IPV6_ADDR_SUBNET: 32,
    IdType.IPV6_ADDR_RANGE: 32,
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate (RFC 2408 section 3.9)."""

    TYPE: ClassVar[int] = PayloadType.CERT
    encoding: int
    data: bytes

    @classmethod
    def read(cls, r: Reader) -> "Certificate":
        """Raises ``Malformed``."""
        return cls(r.u8("encoding"), r.rest("data"))

    def write(self) -> bytes:
        """The body."""
        return bytes((self.encoding,)) + self.data


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """Which certificates the sender would take (RFC 2408 section 3.10)."""

    TYPE: ClassVar[int] = PayloadType.CERTREQ
    encoding: int
    authority: bytes

    @classmethod
    def read(cls, r: Reader) -> "CertificateRequest":
        """Raises ``Malformed``."""
        return cls(r.u8("encoding"), r.rest("authority"))

    def write(self) -> bytes:
        """The body."""
        return bytes((self.encoding,)) + self.authority


@dataclass(frozen=True, slots=True)
class HashPayload:
    """A hash (RFC 2408 section 3.11)."""

    TYPE: ClassVar[int] = PayloadType.HASH
    data: bytes

    @classmethod
    def read(cls, r: Reader) -> "HashPayload":
        """The body whole."""
        return cls(r.rest("data"))

    def write(self) -> bytes:
        """The body."""
        return self.data


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature (RFC 2408 section 3.12)."""

    TYPE: ClassVar[int] = PayloadType.SIG
    data: bytes

    @classmethod
    def read(cls, r: Reader) -> "Signature":
        """The body whole."""
        return cls(r.rest("data"))

    def write(self) -> bytes:
        """The body."""
        return self.data


@dataclass(frozen=True, slots=True)
class Nonce:
    """A nonce of 8 to 256 octets (RFC 2408 section 3.13, RFC 2409 section 5)."""

    TYPE: ClassVar[int] = PayloadType.NONCE
    data: bytes

    @classmethod
    def read(cls, r: Reader) -> "Nonce":
        """Raises ``Malformed``."""
        data = r.rest("data")
        if not MIN_NONCE <= len(data) <= MAX_NONCE:
            raise r.fail("data", f"has {len(data)} octets, a nonce has {MIN_NONCE} to {MAX_NONCE}")
        return cls(data)

    def write(self) -> bytes:
        """The body."""
        return self.data


@dataclass(frozen=True, slots=True)
class Notify:
    """A notification (RFC 2408 section 3.14)."""

    TYPE: ClassVar[int] = PayloadType.NOTIFY
    doi: int
    protocol: int
    kind: int
    spi: bytes
    data: bytes

    @classmethod
    def of(cls, protocol: int, kind: int, spi: bytes = b"", data: bytes = b"") -> "Notify":
        """With the IPsec DOI."""
        return cls(IPSEC_DOI, protocol, kind, spi, data)

    @classmethod
    def read(cls, r: Reader) -> "Notify":
        """Raises ``Malformed``."""
        doi = r.u32("doi")
        protocol = r.u8("protocol")
        spi_size = r.u8("spi_size")
        kind = r.u16("kind")
        return cls(doi, protocol, kind, r.octets("spi", spi_size), r.rest("data"))

    def write(self) -> bytes:
        """The body."""
        head = self.doi.to_bytes(4) + bytes((self.protocol, len(self.spi))) + self.kind.to_bytes(2)
        return head + self.spi + self.data


@dataclass(frozen=True, slots=True)
class Delete:
    """SAs that the sender has dropped, by the SPIs it received on (RFC 2408 section 3.15)."""

    TYPE: ClassVar[int] = PayloadType.DELETE
    doi: int
    protocol: int
    spis: tuple[bytes, ...]

    @classmethod
    def of(cls, protocol: int, *spis: bytes) -> "Delete":
        """With the IPsec DOI; all SPIs have one size."""
        return cls(IPSEC_DOI, protocol, spis)

    @classmethod
    def read(cls, r: Reader) -> "Delete":
        """Raises ``Malformed``."""
        doi = r.u32("doi")
        protocol = r.u8("protocol")
        spi_size = r.u8("spi_size")
        count = r.u16("spi_count")
        if not count or not spi_size:
            raise r.fail("spi_count", "names no SPI")
        if count > MAX_SPIS:
            raise r.fail("spi_count", f"is {count}, more than {MAX_SPIS}")
        delete = cls(doi, protocol, tuple(r.octets(f"spi[{index}]", spi_size) for index in range(count)))
        r.done()
        return delete

    def write(self) -> bytes:
        """The body."""
        size = len(self.spis[0]) if self.spis else 0
        head = self.doi.to_bytes(4) + bytes((self.protocol, size)) + len(self.spis).to_bytes(2)
        return head + b"".join(self.spis)


@dataclass(frozen=True, slots=True)
class VendorId:
    """What the sender is or can do (RFC 2408 section 3.16)."""

    TYPE: ClassVar[int] = PayloadType.VENDOR_ID
    data: bytes

    @classmethod
    def read(cls, r: Reader) -> "VendorId":
        """The body whole."""
        return cls(r.rest("data"))

    def write(self) -> bytes:
        """The body."""
        return self.data


@dataclass(frozen=True, slots=True)
class Attributes:
    """What one end asks of the other or gives it: XAUTH and mode config (draft-dukes-ike-mode-cfg-02 section 3.2)."""

    TYPE: ClassVar[int] = PayloadType.ATTRIBUTES
    kind: int
    identifier: int
    attributes: tuple[Attribute, ...]
    padding: bytes = b""
    """Up to three zeros: some stacks fill the payload up to whole words."""

    @classmethod
    def read(cls, r: Reader) -> "Attributes":
        """Raises ``Malformed``."""
        kind = r.u8("kind")
        r.u8("reserved")
        identifier = r.u16("identifier")
        return cls(kind, identifier, read_attributes(r, padded=True), r.rest("padding"))

    def write(self) -> bytes:
        """The body."""
        head = bytes((self.kind, 0)) + self.identifier.to_bytes(2)
        return head + b"".join(each.write() for each in self.attributes) + self.padding


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of a message that is too large for one datagram. ``identifier`` joins the pieces, ``number`` counts them
    from 1."""

    TYPE: ClassVar[int] = PayloadType.FRAGMENT
    identifier: int
    number: int
    flags: int
    data: bytes

    @classmethod
    def read(cls, r: Reader) -> "Fragment":
        """Raises ``Malformed``."""
        identifier = r.u16("identifier")
        number = r.u8("number")
        if not number:
            raise r.fail("number", "is 0, fragments are counted from 1")
        flags = r.u8("flags")
        data = r.rest("data")
        if not data:
            raise r.fail("data", "is empty")
        return cls(identifier, number, flags, data)

    def write(self) -> bytes:
        """The body."""
        return self.identifier.to_bytes(2) + bytes((self.number, self.flags)) + self.data

    @property
    def last(self) -> bool:
        """Whether no piece follows."""
        return bool(self.flags & LAST_FRAGMENT)


@dataclass(frozen=True, slots=True)
class NatDetection:
    """Hash of an address and port (RFC 3947 section 3.2); ``draft`` under the number of the drafts before it."""

    TYPE: ClassVar[int] = PayloadType.NAT_D
    data: bytes
    draft: bool = False

    @classmethod
    def read(cls, r: Reader, draft: bool = False) -> "NatDetection":
        """The body whole: a wrong length is no match, not an error."""
        return cls(r.rest("data"), draft)

    def write(self) -> bytes:
        """The body."""
        return self.data


@dataclass(frozen=True, slots=True)
class NatOriginalAddress:
    """An address before translation (RFC 3947 section 5.2); ``draft`` under the number of the drafts before it."""

    TYPE: ClassVar[int] = PayloadType.NAT_OA
    address: IPv4Address | IPv6Address
    draft: bool = False

    @classmethod
    def read(cls, r: Reader, draft: bool = False) -> "NatOriginalAddress":
        """Raises ``Malformed``."""
        kind = r.u8("kind")
        r.octets("reserved", 3)
        if kind not in (IdType.IPV4_ADDR, IdType.IPV6_ADDR):
            raise r.fail("kind", f"is {kind}, wants an address")
        address = ip_address(r.octets("address", 4 if kind == IdType.IPV4_ADDR else 16))
        r.done()
        return cls(address, draft)

    def write(self) -> bytes:
        """The body."""
        kind = IdType.IPV4_ADDR if self.address.version == 4 else IdType.IPV6_ADDR
        return bytes((kind, 0, 0, 0)) + self.address.packed


@dataclass(frozen=True, slots=True)
class Unknown:
    """A payload of a type that is not known here: kept, not interpreted (RFC 2408 section 5.2 would refuse it; peers of
    the field send private ones, which must not cost the tunnel)."""

    kind: int
    data: bytes

    def write(self) -> bytes:
        """The body."""
        return self.data


Payload = (
    SecurityAssociation
    | KeyExchange
    | Identification
    | Certificate
    | CertificateRequest
    | HashPayload
    | Signature
    | Nonce
    | Notify
    | Delete
    | VendorId
    | Attributes
    | Fragment
    | NatDetection
    | NatOriginalAddress
    | Unknown
)

_KNOWN = (
    SecurityAssociation,
    KeyExchange,
    Identification,
    Certificate,
    CertificateRequest,
    HashPayload,
    Signature,
    Nonce,
    Notify,
    Delete,
    VendorId,
    Attributes,
    Fragment,
    NatDetection,
    NatOriginalAddress,
)
PAYLOADS = {each.TYPE: each for each in _KNOWN}


def payload_type(payload: Payload) -> int:
    """The number that announces a payload."""
    match payload:
        case Unknown(kind=kind):
            return kind
        case NatDetection(draft=True):
            return PayloadType.NAT_D_DRAFT
        case NatOriginalAddress(draft=True):
            return PayloadType.NAT_OA_DRAFT
    return payload.TYPE


def read_payload(kind: int, r: Reader) -> Payload:
    """The body of a payload of that type. Raises ``Malformed``."""
    if kind == PayloadType.NAT_D_DRAFT:
        return NatDetection.read(r, draft=True)
    if kind == PayloadType.NAT_OA_DRAFT:
        return NatOriginalAddress.read(r, draft=True)
    known = PAYLOADS.get(kind)
    return Unknown(kind, r.rest("data")) if known is None else known.read(r)


_NAMES: dict[int, str] = {
    PayloadType.NAT_D: "NAT-D",
    PayloadType.NAT_OA: "NAT-OA",
    PayloadType.NAT_D_DRAFT: "NAT-D",
    PayloadType.NAT_OA_DRAFT: "NAT-OA",
    PayloadType.VENDOR_ID: "VID",
    PayloadType.NOTIFY: "N",
    PayloadType.DELETE: "D",
    PayloadType.ATTRIBUTES: "ATTR",
    PayloadType.FRAGMENT: "FRAG",
}


def payload_name(kind: int) -> str:
    """The short name of a payload type, as the RFCs write it in their diagrams."""
    if kind in _NAMES:
        return _NAMES[kind]
    return PayloadType(kind).name if kind in PayloadType._value2member_map_ else f"#{kind}"
