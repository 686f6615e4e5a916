"""Identities of phase 1, as text and as the body of an ID payload (RFC 2407 section 4.6.2), and patterns of them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from ikeview.crypto.certificates import GeneralName
from ikeview.crypto.names import (
    BadName,
    NormalAttribute,
    Written,
    element,
    name_text,
    normal_name,
    parse_name,
    parse_written,
    read_name,
    take,
)
from ikeview.wire.numbers import IdType

_PREFIXES = {
    IdType.FQDN: "fqdn", IdType.USER_FQDN: "user", IdType.KEY_ID: "keyid", IdType.DER_ASN1_DN: "dn",
    IdType.DER_ASN1_GN: "gn",
}  # fmt: skip
_KINDS = {prefix: kind for kind, prefix in _PREFIXES.items()} | {
    # what users of strongSwan and Libreswan write
    "dns": IdType.FQDN, "email": IdType.USER_FQDN, "rfc822": IdType.USER_FQDN, "userfqdn": IdType.USER_FQDN,
    "asn1dn": IdType.DER_ASN1_DN, "asn1gn": IdType.DER_ASN1_GN,
}  # fmt: skip
_ADDRESS_PREFIXES = ("ip", "ipv4", "ipv6")
_OTHER_PREFIXES = (*_ADDRESS_PREFIXES, "subnet", "range")
_SUBNETS = {IdType.IPV4_ADDR_SUBNET: 4, IdType.IPV6_ADDR_SUBNET: 16}
_RANGES = {IdType.IPV4_ADDR_RANGE: 4, IdType.IPV6_ADDR_RANGE: 16}
_ADDRESSES = {IdType.IPV4_ADDR: 4, IdType.IPV6_ADDR: 16}
_KNOWN = frozenset(IdType)
_MOST_TEXT = 255
_TYPED = re.compile(r"([a-z][a-z0-9]{0,9}):(.*)", re.DOTALL)
_NUMBERED = re.compile(r"type(\d{1,3})")
_LIKE_AN_ADDRESS = re.compile(r"[0-9*]{1,3}(\.[0-9*]{1,3}){3}|[0-9a-f:]*:\*")
_LIKE_A_NAME = re.compile(r"/?\s*(?:[A-Za-z]{1,32}|[0-9.]{3,})\s*=")
_FORMS = "write an address, fqdn:gw.example, user:me@example, keyid:text or dn:C=CH, O=ike, CN=gw"

_Key = tuple[int, object]


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
    def of_general_name(cls, name: GeneralName) -> "Identity":
        """The identity that a certificate's name is."""
        kind, data = name
        if kind == "ip":
            return cls(IdType.IPV4_ADDR if len(data) == 4 else IdType.IPV6_ADDR, data)
        return cls(_KINDS[kind], data)

    @classmethod
    def parse(cls, text: str) -> "Identity":
        """From text, typed or not. Raises ``BadIdentity``.

        Typed: ``fqdn:gw.example``, ``user:me@example``, ``keyid:text``, ``dn:C=CH, O=ike, CN=gw``,
        ``subnet:10.0.0.0/8``, ``range:10.0.0.1-10.0.0.9``; octets in hex behind ``#`` instead of text. Bare, it is an
        address, else a name if it looks like one (``CN=``), else a user if it has an @, else an FQDN; ``@gw.example``
        is an FQDN and ``@#0aff`` a key ID, as elsewhere.
        """
        text = text.strip()
        try:
            return cls.of_address(ip_address(text))
        except ValueError:
            pass
        prefix, value = _split(text)
        try:
            return cls._of_parts(prefix, value)
        except (BadName, ValueError) as error:
            if isinstance(error, BadIdentity):
                raise
            raise BadIdentity(f"{text!r} is no identity ({error}): {_FORMS}") from None

    @classmethod
    def _of_parts(cls, prefix: str, value: str) -> "Identity":
        if prefix in _ADDRESS_PREFIXES:
            return cls.of_address(ip_address(value.strip()))
        if prefix == "subnet":
            network = ip_network(value.strip())
            kind = IdType.IPV4_ADDR_SUBNET if network.version == 4 else IdType.IPV6_ADDR_SUBNET
            return cls(kind, network.network_address.packed + network.netmask.packed)
        if prefix == "range":
            first, last = (ip_address(each.strip()) for each in value.split("-"))
            kind = IdType.IPV4_ADDR_RANGE if first.version == 4 else IdType.IPV6_ADDR_RANGE
            return cls(kind, first.packed + last.packed).checked()
        numbered = _NUMBERED.fullmatch(prefix)
        number = int(numbered[1]) if numbered else _KINDS[prefix]
        if number > 255:
            raise ValueError("types are 0 to 255")
        if value.startswith("#"):
            return cls(number, bytes.fromhex(value[1:])).checked(strange=numbered is not None)
        if numbered:
            raise ValueError("a type by its number has its octets in hex behind #")
        if number == IdType.DER_ASN1_DN:
            return cls(number, _exact_name(value))
        if number == IdType.DER_ASN1_GN:
            raise ValueError("a general name is written in hex behind #")
        _check_text(number, value)
        return cls(number, value.encode())

    @property
    def problem(self) -> str:
        """Why it is no identity, if it is none: a peer that sends such a one is never anybody's match."""
        if self.kind not in _KNOWN:
            return f"there is no identity of type {self.kind}"
        kind, data = IdType(self.kind), self.data
        if not data:
            return "it is empty"
        size = _ADDRESSES.get(kind) or 2 * (_SUBNETS.get(kind) or _RANGES.get(kind) or 0)
        if size and len(data) != size:
            return f"{size} octets are wanted, {len(data)} are there"
        if kind in _SUBNETS and _network(data) is None:
            return "its mask is none"
        if kind in _RANGES and data[: size // 2] > data[size // 2 :]:
            return "its end is before its begin"
        try:
            if kind == IdType.DER_ASN1_DN and not read_name(data):
                return "the name is empty"
            if kind == IdType.DER_ASN1_GN and take(data, 0, len(data))[2] != len(data):
                return "octets follow the name"
        except BadName as error:
            return f"it is no DER: {error}"
        return ""

    def checked(self, *, strange: bool = False) -> "Identity":
        """Itself, if it is one; ``strange`` allows any. Raises ``BadIdentity``."""
        if self.problem and not strange:
            raise BadIdentity(f"{self} is no identity: {self.problem}")
        return self

    @property
    def key(self) -> _Key:
        """What identities are the same by: names by their meaning, host names in small letters. To look them up by."""
        if self.kind == IdType.DER_ASN1_DN:
            try:
                return (self.kind, normal_name(read_name(self.data)))
            except BadName:
                return (self.kind, self.data)
        if self.kind == IdType.FQDN:
            return (self.kind, self.data.lower())
        if self.kind == IdType.USER_FQDN:
            # the part before the @ belongs to its host, which may tell capitals apart (RFC 5280 section 7.5)
            user, at, host = self.data.rpartition(b"@")
            return (self.kind, user + at + host.lower())
        return (self.kind, self.data)

    def same(self, other: "Identity") -> bool:
        """Whether both name the same; what is no identity is the same as nothing."""
        return self.key == other.key and not self.problem and not other.problem

    def __str__(self) -> str:
        """The text that ``parse`` takes; octets that are no text as hex. Never trusted for display: see ``ui.safe``."""
        if self.kind not in _KNOWN:
            return f"type{self.kind}:#{self.data.hex()}"
        kind, data = IdType(self.kind), self.data
        if len(data) == _ADDRESSES.get(kind):
            return str(ip_address(data))
        if kind in _SUBNETS and len(data) == 2 * _SUBNETS[kind] and (network := _network(data)) is not None:
            return f"subnet:{network}"
        if kind in _RANGES and len(data) == 2 * _RANGES[kind]:
            return f"range:{ip_address(data[: _RANGES[kind]])}-{ip_address(data[_RANGES[kind] :])}"
        if kind == IdType.DER_ASN1_DN:
            return f"dn:{name_text(data) or '#' + data.hex()}"
        prefix = _PREFIXES.get(kind) or f"type{self.kind}"
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = "#"
        if kind not in (IdType.FQDN, IdType.USER_FQDN, IdType.KEY_ID) or text.startswith("#"):
            text = f"#{data.hex()}"
        return f"{prefix}:{text}"


def allowed_by(identity: Identity, names: Iterable[GeneralName]) -> bool:
    """Whether a certificate with those names lets its owner call itself that (RFC 4945 section 3.1): a distinguished
    name must be its subject, anything else one of its subjectAltNames."""
    return spelled_by(identity, names) is not None


def spelled_by(identity: Identity, names: Iterable[GeneralName]) -> Identity | None:
    """An identity as a certificate spells it, octet by octet, if it is among its names. Peers that compare octets want
    that."""
    return next((found for each in names if (found := Identity.of_general_name(each)).same(identity)), None)


# -- patterns ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Anybody:
    def takes(self, identity: Identity) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class _Within:
    """Addresses of a network."""

    network: IPv4Network | IPv6Network

    def takes(self, identity: Identity) -> bool:
        if identity.kind not in _ADDRESSES:
            return False
        address = ip_address(identity.data)
        return address.version == self.network.version and address in self.network


@dataclass(frozen=True, slots=True)
class _Host:
    """Labels of a host name, ``*`` for any one; the first may be ``*`` for one or more."""

    labels: tuple[bytes, ...]

    def takes(self, identity: Identity) -> bool:
        return identity.kind == IdType.FQDN and self.takes_host(identity.data)

    def takes_host(self, host: bytes) -> bool:
        found, wanted = host.lower().split(b"."), self.labels
        if wanted[0] == b"*" and len(found) > len(wanted):
            found = found[len(found) - len(wanted) :]
        return len(found) == len(wanted) and all(
            one in (b"*", other) and bool(other) for one, other in zip(wanted, found, strict=True)
        )


@dataclass(frozen=True, slots=True)
class _User:
    """A user's name, or any, at a host."""

    user: bytes
    host: _Host

    def takes(self, identity: Identity) -> bool:
        user, at, host = identity.data.rpartition(b"@")
        return (
            identity.kind == IdType.USER_FQDN
            and bool(at and user)
            and self.user in (b"*", user)
            and self.host.takes_host(host)
        )


@dataclass(frozen=True, slots=True)
class _Prefix:
    """The first octets of a type of identity."""

    kind: int
    start: bytes

    def takes(self, identity: Identity) -> bool:
        return identity.kind == self.kind and identity.data.startswith(self.start)


_Part = tuple[tuple[bytes, NormalAttribute | None], ...]


@dataclass(frozen=True, slots=True)
class _Name:
    """Attributes of a name, some with any value; written from either end."""

    parts: tuple[_Part, ...]

    def takes(self, identity: Identity) -> bool:
        if identity.kind != IdType.DER_ASN1_DN:
            return False
        found = normal_name(read_name(identity.data))
        return any(
            len(found) == len(parts) and all(map(_part_takes, parts, found))
            for parts in (self.parts, self.parts[::-1])
        )


def _part_takes(wanted: _Part, found: tuple[NormalAttribute, ...]) -> bool:
    left = list(found)
    # those with a value first, so that a * leaves them what they need
    for oid, attribute in sorted(wanted, key=lambda each: each[1] is None):
        match = next((each for each in left if each[0] == oid and attribute in (None, each)), None)
        if match is None:
            return False
        left.remove(match)
    return not left


_Matcher = _Anybody | _Within | _Host | _User | _Prefix | _Name


@dataclass(frozen=True, slots=True)
class IdentityPattern:
    """Which identities a peer may have: one exactly, or a pattern with ``*`` (``any``, ``fqdn:*.example``,
    ``user:*@example``, ``dn:C=CH, O=ike, CN=*``). ``text`` is how it is written in the configuration."""

    text: str
    exact: Identity | None
    _matcher: _Matcher | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, identity: Identity) -> "IdentityPattern":
        """That identity alone."""
        return cls(str(identity), identity)

    @classmethod
    def parse(cls, text: str) -> "IdentityPattern":
        """What ``Identity.parse`` takes, ``any``, a network (for the addresses in it), or with ``*``: for any label of
        a host name, one or more if it is the first (``fqdn:*.example``), for the user at a host (``user:*@example``),
        for the rest of a key ID (``keyid:branch-*``), for the whole value of a part of a name (``dn:C=CH, CN=*``).
        Raises ``BadIdentity``."""
        text = text.strip()
        if text in ("any", "%any", "*"):
            return cls("any", None, _Anybody())
        if "/" in text and (network := _parsed_network(text)) is not None:
            return cls(str(network), None, _Within(network))
        if "*" in text:
            if _LIKE_AN_ADDRESS.fullmatch(text):
                raise BadIdentity(f"{text!r}: addresses are written as a network, for example 192.0.2.0/24")
            prefix, value = _split(text)
            matcher = _matcher(prefix, value, text)
            if matcher is not None:
                return cls(text if text.startswith(f"{prefix}:") else f"{prefix}:{value}", None, matcher)
        return cls.of(Identity.parse(text))

    @property
    def specificity(self) -> int:
        """Higher for fewer identities: to try the narrower of two patterns first. 0 is ``any``."""
        match self._matcher:
            case None:
                return 1 << 16
            case _Anybody():
                return 0
            case _Within(network):
                return 1 + network.prefixlen
            case _:
                return 1 + sum(letter != "*" for letter in self.text)

    def matches(self, identity: Identity) -> bool:
        """Whether a peer may call itself that. What is no identity never matches, not even ``any``."""
        if identity.problem:
            return False
        if self._matcher is not None:
            return self._matcher.takes(identity)
        if self.exact is None:
            return False
        return self.exact.same(identity) or _turned(self.exact).same(identity)

    def __str__(self) -> str:
        return self.text


def _turned(identity: Identity) -> Identity:
    """A distinguished name written from the other end, as RFC 4514 has it (``CN=gw, O=ike, C=CH``); else itself."""
    if identity.kind != IdType.DER_ASN1_DN or identity.problem:
        return identity
    at, parts = take(identity.data, 0, len(identity.data))[1], []
    while at < len(identity.data):
        after = take(identity.data, at, len(identity.data))[2]
        parts.append(identity.data[at:after])
        at = after
    return Identity(identity.kind, element(identity.data[0], b"".join(reversed(parts))))


def _matcher(prefix: str, value: str, text: str) -> _Matcher | None:
    """Of a text with a ``*``; None if it stands for itself there."""
    kind = _KINDS.get(prefix)
    if kind == IdType.DER_ASN1_DN:
        return _name_matcher(value, text)
    if kind == IdType.KEY_ID:
        if value.index("*") != len(value) - 1:
            raise BadIdentity(f"{text!r}: in a key ID, * stands only at the end")
        return _Prefix(kind, value[:-1].encode())
    if kind not in (IdType.FQDN, IdType.USER_FQDN):
        raise BadIdentity(f"{text!r}: * has no meaning there; {_FORMS}")
    _check_text(kind, value)
    if value == "*":
        return _Prefix(kind, b"")
    user, at, host = value.rpartition("@")
    labels = tuple(host.lower().encode().split(b"."))
    if any(b"*" in label and label != b"*" for label in labels) or ("*" in user and user != "*"):
        raise BadIdentity(f"{text!r}: * stands for a whole label between dots, or for everything before the @")
    if kind == IdType.FQDN:
        return _Host(labels)
    if not at or not user:
        raise BadIdentity(f"{text!r}: write user:*@example or user:me@*.example")
    return _User(user.encode(), _Host(labels))


def _name_matcher(value: str, text: str) -> _Name | None:
    try:
        written = parse_written(value)
    except BadName as error:
        raise BadIdentity(f"{text!r} is no identity ({error}): {_FORMS}") from None
    wild = sum(each.any_value for part in written for each in part)
    if value.replace("\\*", "").count("*") > wild and '"' not in value:
        raise BadIdentity(f"{text!r}: in a name, * stands for a whole value; one that is meant is written \\*")
    return _Name(tuple(tuple(map(_wanted, part)) for part in written)) if wild else None


def _wanted(written: Written) -> tuple[bytes, NormalAttribute | None]:
    return written.attribute.oid, None if written.any_value else written.attribute.normal


# -- text ----------------------------------------------------------------------------------------------------------


def _split(text: str) -> tuple[str, str]:
    """The prefix, written or guessed, and what follows it."""
    typed = _TYPED.fullmatch(text)
    if typed and (typed[1] in _KINDS or typed[1] in _OTHER_PREFIXES or _NUMBERED.fullmatch(typed[1])):
        return typed[1], typed[2]
    if text.startswith("@#"):
        return "keyid", text[1:]
    if text.startswith("@@"):
        return "user", text[2:]
    if text.startswith("@"):
        return "fqdn", text[1:]
    if _LIKE_A_NAME.match(text):
        return "dn", text
    if _parsed_network(text) is not None:
        raise BadIdentity(f"{text!r} is a network; as an identity write subnet:{text}")
    return ("user" if "@" in text else "fqdn"), text


def _check_text(kind: int, value: str) -> None:
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise BadIdentity(f"{value!r} is no text") from None
    if not value or size > _MOST_TEXT:
        raise BadIdentity(f"{value!r} is no identity: {_FORMS}")
    if kind != IdType.KEY_ID and any(letter.isspace() or not letter.isprintable() for letter in value):
        raise BadIdentity(f"{value!r} holds a space or control character")


def _exact_name(value: str) -> bytes:
    if any(each.any_value for part in parse_written(value) for each in part):
        raise ValueError("* stands for any value, and an identity has one; a * that is meant is written \\*")
    return parse_name(value)


def _network(data: bytes) -> IPv4Network | IPv6Network | None:
    """Of an address and a mask."""
    half = len(data) // 2
    mask = int.from_bytes(data[half:])
    bits = 8 * half
    length = mask.bit_count()
    if mask != ((1 << length) - 1) << (bits - length):
        return None
    return ip_network((data[:half], length), strict=False)


def _parsed_network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text) if "/" in text else None
    except ValueError:
        return None
