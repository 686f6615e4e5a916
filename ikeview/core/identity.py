"""Identities of phase 1, as text and as the body of an ID payload (RFC 2407 section 4.6.2)."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from ikeview.wire.numbers import IdType

_PREFIXES = {IdType.FQDN: "fqdn", IdType.USER_FQDN: "user", IdType.KEY_ID: "keyid", IdType.DER_ASN1_DN: "dn"}


class BadIdentity(ValueError):
    """The text names no identity; the message says what would."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity: its type and the data after protocol and port of the ID payload."""

    kind: int
    data: bytes

    @classmethod
    def of_address(cls, address: IPv4Address | IPv6Address) -> "Identity":
        """The identity that an address is."""
        return cls(IdType.IPV4_ADDR if address.version == 4 else IdType.IPV6_ADDR, address.packed)

    @classmethod
    def parse(cls, text: str) -> "Identity":
        """From ``192.0.2.1``, ``fqdn:gw.example``, ``user:me@example`` or ``keyid:text``; a bare name with an @ is a
        user, any other an FQDN. Raises ``BadIdentity``."""
        text = text.strip()
        try:
            return cls.of_address(ip_address(text))
        except ValueError:
            pass
        prefix, colon, value = text.partition(":")
        if colon and prefix in ("fqdn", "user", "keyid"):
            kind = {"fqdn": IdType.FQDN, "user": IdType.USER_FQDN, "keyid": IdType.KEY_ID}[prefix]
        elif colon and prefix == "dn":
            raise BadIdentity("dn: identities come with certificates, which this version does not have yet")
        else:
            kind, value = (IdType.USER_FQDN if "@" in text else IdType.FQDN), text
        if not value or len(value.encode()) > 255:
            raise BadIdentity(
                f"{text!r} is no identity: write an address, fqdn:gw.example, user:me@example or keyid:text"
            )
        if kind != IdType.KEY_ID and any(letter.isspace() or not letter.isprintable() for letter in value):
            raise BadIdentity(f"{text!r} holds a space or control character")
        return cls(kind, value.encode())

    def __str__(self) -> str:
        """The text that ``parse`` takes; octets that are no text as hex. Never trusted for display: see ``ui.safe``."""
        if (self.kind, len(self.data)) in ((IdType.IPV4_ADDR, 4), (IdType.IPV6_ADDR, 16)):
            return str(ip_address(self.data))
        try:
            text = self.data.decode()
        except UnicodeDecodeError:
            text = self.data.hex()
        prefix = _PREFIXES.get(IdType(self.kind)) if self.kind in IdType._value2member_map_ else None
        return f"{prefix}:{text}" if prefix else f"type{self.kind}:{self.data.hex()}"


@dataclass(frozen=True, slots=True)
class IdentityPattern:
    """Which identities a peer may have: one exactly, or a pattern with ``*`` (``any``, ``fqdn:*.example``,
    ``user:*@example``, ``dn:C=CH, O=ike, CN=*``). ``text`` is how it is written in the configuration."""

    text: str
    exact: Identity | None

    @classmethod
    def of(cls, identity: Identity) -> "IdentityPattern":
        """That identity alone."""
        return cls(str(identity), identity)

    @classmethod
    def parse(cls, text: str) -> "IdentityPattern":
        """Raises ``BadIdentity``."""
        return cls.of(Identity.parse(text))

    def matches(self, identity: Identity) -> bool:
        """Whether a peer may call itself that."""
        return identity == self.exact

    def __str__(self) -> str:
        return self.text
