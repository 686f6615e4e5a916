"""Distinguished names (X.501, RFC 5280 section 4.1.2.4): from DER and from text, to both, and compared.

Certificates and identities carry them, and the peer's are hostile: what is read here is bounded, nothing descends, and
only ``BadName`` leaves.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

MOST_OCTETS = 4096
_MOST_ATTRIBUTES = 64
_MOST_OID = 32
_MOST_HEX = 256
"""Far above any name that an authority gives out."""

SEQUENCE, SET, OID = 0x30, 0x31, 0x06
_UTF8, _PRINTABLE, _IA5 = 12, 19, 22
_CODECS = {_UTF8: "utf-8", 18: "ascii", _PRINTABLE: "ascii", 20: "latin-1", _IA5: "ascii", 26: "ascii",
           28: "utf-32-be", 30: "utf-16-be"}
"""By the tag of a string: how its octets are text."""
_PRINTABLES = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")
_NUMBER = re.compile(r"[0-9]{1,40}")
_ESCAPED = frozenset(',+"\\<>;')

_NAMES: dict[str, str] = {
    "CN": "2.5.4.3", "SN": "2.5.4.4", "serialNumber": "2.5.4.5", "C": "2.5.4.6", "L": "2.5.4.7", "ST": "2.5.4.8",
    "STREET": "2.5.4.9", "O": "2.5.4.10", "OU": "2.5.4.11", "title": "2.5.4.12", "description": "2.5.4.13",
    "businessCategory": "2.5.4.15", "postalCode": "2.5.4.17", "name": "2.5.4.41", "GN": "2.5.4.42",
    "initials": "2.5.4.43", "generationQualifier": "2.5.4.44", "dnQualifier": "2.5.4.46", "pseudonym": "2.5.4.65",
    "organizationIdentifier": "2.5.4.97", "UID": "0.9.2342.19200300.100.1.1", "DC": "0.9.2342.19200300.100.1.25",
    "emailAddress": "1.2.840.113549.1.9.1", "unstructuredName": "1.2.840.113549.1.9.2",
    "unstructuredAddress": "1.2.840.113549.1.9.8",
}  # fmt: skip
"""How attributes are shown, and their object identifiers."""
_ALIASES = {
    "commonname": "CN", "surname": "SN", "countryname": "C", "localityname": "L", "stateorprovincename": "ST",
    "sp": "ST", "streetaddress": "STREET", "organizationname": "O", "organizationalunitname": "OU", "t": "title",
    "d": "description", "givenname": "GN", "g": "GN", "i": "initials", "n": "name", "userid": "UID",
    "domaincomponent": "DC", "e": "emailAddress", "email": "emailAddress", "un": "unstructuredName",
}  # fmt: skip


class BadName(ValueError):
    """No distinguished name, as text or as DER; the message says where it goes wrong."""


def take(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """The element at ``at`` in ``data[:end]``: its tag, and where its content begins and ends. Raises ``BadName``.

    DER with tags of one octet: lengths are definite and as short as can be (X.690 section 10.1).
    """
    if end - at < 2:
        raise BadName(f"cut off at octet {at}")
    tag, size, start = data[at], data[at + 1], at + 2
    if tag & 0x1F == 0x1F:
        raise BadName(f"a tag of several octets at octet {at}")
    if size >= 0x80:
        count = size & 0x7F
        if not 1 <= count <= 3 or end - start < count:
            raise BadName(f"a bad length at octet {at}")
        size = int.from_bytes(data[start : start + count])
        if size < 0x80 or size < 1 << 8 * (count - 1):
            raise BadName(f"a length longer than it needs to be at octet {at}")
        start += count
    if size > end - start:
        raise BadName(f"wants {size} octets at octet {at}, {end - start} left")
    return tag, start, start + size


def element(tag: int, content: bytes) -> bytes:
    """A tag and its content in DER."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a name: what it is (the content of its object identifier) and a value with its tag."""

    oid: bytes
    tag: int
    value: bytes

    @property
    def text(self) -> str | None:
        """The value, if it is text."""
        codec = _CODECS.get(self.tag)
        try:
            return None if codec is None else self.value.decode(codec)
        except UnicodeDecodeError:
            return None

    @property
    def normal(self) -> "NormalAttribute":
        """What attributes are compared by: text without regard to its encoding, to the case of ASCII letters and to how
        many spaces there are (a part of RFC 5280 section 7.1 that no two authorities see differently)."""
        text = self.text
        return (self.oid, bytes((self.tag,)) + self.value) if text is None else (self.oid, normal_text(text))

    @property
    def label(self) -> str:
        """``CN``, or the number of one that has no name here."""
        return _LABELS.get(self.oid) or _dotted(self.oid)

    def write(self) -> bytes:
        """In DER."""
        return element(SEQUENCE, element(OID, self.oid) + element(self.tag, self.value))

    def __str__(self) -> str:
        text = self.text
        value = f"#{element(self.tag, self.value).hex()}" if text is None else _escape(text)
        return f"{self.label}={value}"


Name = tuple[tuple[Attribute, ...], ...]
"""The relative names, largest first as in DER; nearly always of one attribute each."""
NormalAttribute = tuple[bytes, str | bytes]
NormalName = tuple[tuple[NormalAttribute, ...], ...]


def normal_text(text: str) -> str:
    """One space where there are several, none at the ends, ASCII letters small."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in " ".join(text.split()))


def read_name(der: bytes) -> Name:
    """From DER, all of ``der``. Raises ``BadName``."""
    if len(der) > MOST_OCTETS:
        raise BadName(f"{len(der)} octets, more than {MOST_OCTETS}")
    tag, at, end = take(der, 0, len(der))
    if tag != SEQUENCE or end != len(der):
        raise BadName("not one sequence")
    found: list[tuple[Attribute, ...]] = []
    count = 0
    while at < end:
        tag, inner, at = take(der, at, end)
        if tag != SET or inner == at:
            raise BadName("no set where a relative name should be")
        attributes = tuple(_attributes(der, inner, at))
        count += len(attributes)
        if count > _MOST_ATTRIBUTES:
            raise BadName(f"more than {_MOST_ATTRIBUTES} attributes")
        found.append(attributes)
    return tuple(found)


def _attributes(der: bytes, at: int, end: int) -> Iterator[Attribute]:
    while at < end:
        tag, inner, at = take(der, at, end)
        if tag != SEQUENCE:
            raise BadName("no sequence where an attribute should be")
        tag, start, stop = take(der, inner, at)
        if tag != OID:
            raise BadName("an attribute without an object identifier")
        oid = der[start:stop]
        _dotted(oid)
        tag, start, stop = take(der, stop, at)
        if tag & 0xE0 or stop != at:
            raise BadName("an attribute whose value is no string")
        yield Attribute(oid, tag, der[start:stop])


def write_name(name: Name) -> bytes:
    """In DER; a set's elements sorted (X.690 section 11.6)."""
    return element(SEQUENCE, b"".join(element(SET, b"".join(sorted(each.write() for each in part))) for part in name))


def normal_name(name: Name) -> NormalName:
    """What names are compared by."""
    return tuple(tuple(sorted((each.normal for each in part), key=repr)) for part in name)


def same_name(one: bytes, other: bytes) -> bool:
    """Whether two names in DER mean the same; what cannot be read is the same as nothing."""
    first = _normal(one)
    return first is not None and first == _normal(other)


@lru_cache(maxsize=512)
def _normal(der: bytes) -> NormalName | None:
    try:
        return normal_name(read_name(der))
    except BadName:
        return None


def is_name(der: bytes) -> bool:
    """Whether it is one, and not empty."""
    return bool(_normal(der))


@lru_cache(maxsize=128)
def name_text(der: bytes) -> str:
    """``C=CH, O=ikeview, CN=gw``, in the order of the DER; what is no name as ``#`` and hex, cut off if it is long.
    ``parse_name`` takes it, if it is not."""
    try:
        name = read_name(der)
    except BadName:
        return f"#{der[:_MOST_HEX].hex()}{'...' if len(der) > _MOST_HEX else ''}"
    return ", ".join(" + ".join(map(str, part)) for part in name)


# -- object identifiers --------------------------------------------------------------------------------------------


def _dotted(oid: bytes) -> str:
    if not oid or len(oid) > _MOST_OID or oid[-1] & 0x80:
        raise BadName("an object identifier that is empty, too long or cut off")
    arcs: list[int] = []
    value, fresh = 0, True
    for octet in oid:
        if fresh and octet == 0x80:
            raise BadName("an object identifier with a number longer than it needs to be")
        value, fresh = value << 7 | octet & 0x7F, not octet & 0x80
        if fresh:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def _oid(dotted: str) -> bytes:
    first, second, *rest = (int(each) for each in dotted.split("."))
    if first > 2 or (first < 2 and second > 39):
        raise BadName(f"{dotted} is no object identifier")
    out = bytearray()
    for arc in (40 * first + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        out += bytes(reversed(groups))
    if len(out) > _MOST_OID:
        raise BadName(f"{dotted} is too long for an object identifier")
    return bytes(out)


_OIDS = {name.lower(): _oid(dotted) for name, dotted in _NAMES.items()}
_OIDS |= {alias: _OIDS[name.lower()] for alias, name in _ALIASES.items()}
_LABELS = {_oid(dotted): name for name, dotted in _NAMES.items()}
EMAIL = _OIDS["emailaddress"]
_IA5_ONLY = frozenset((EMAIL, _OIDS["dc"], _OIDS["unstructuredname"]))


# -- text ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Written:
    """One attribute of a name as somebody wrote it. ``any_value``: written as ``*``, which stands for every value in a
    pattern and for itself elsewhere."""

    attribute: Attribute
    any_value: bool


def parse_name(text: str) -> bytes:
    """DER from ``C=CH, O=ikeview, CN=gw``, in the order written; see ``parse_written``. Raises ``BadName``."""
    if text.startswith("#"):
        der = _unhex(text[1:])
        read_name(der)
        return der
    return write_name(tuple(tuple(each.attribute for each in part) for part in parse_written(text)))


def parse_written(text: str) -> tuple[tuple[Written, ...], ...]:
    """The attributes of a name as text: RFC 4514 with commas or semicolons, or each behind a slash (``/C=CH/CN=gw``);
    values bare, with escapes, in quotes or as ``#`` and hex. Raises ``BadName``."""
    text = text.lstrip()
    slashes = text.startswith("/")
    if slashes:
        text = text[1:]
    if len(text) > MOST_OCTETS:
        raise BadName(f"more than {MOST_OCTETS} letters")
    parts: list[list[Written]] = [[]]
    count = 0
    at = 0
    while True:
        equals = text.find("=", at)
        label = text[at : equals if equals >= 0 else len(text)].strip()
        if equals < 0:
            raise BadName(f"{label!r} has no =" + (": a comma inside a value is written \\," if count else ""))
        value, wild, at = _value(text, equals + 1, "/" if slashes else ",;+")
        parts[-1].append(Written(_attribute(label, value), wild))
        count += 1
        if count > _MOST_ATTRIBUTES:
            raise BadName(f"more than {_MOST_ATTRIBUTES} attributes")
        if at == len(text):
            break
        if text[at] != "+" or slashes:
            parts.append([])
        at += 1
    return tuple(map(tuple, parts))


def _attribute(label: str, value: str | tuple[int, bytes]) -> Attribute:
    dotted = label.lower().removeprefix("oid.")
    oid = _OIDS.get(label.lower())
    if oid is None:
        numbers = dotted.split(".")
        if not 2 <= len(numbers) <= _MOST_OID or not all(_NUMBER.fullmatch(each) for each in numbers):
            raise BadName(f"unknown attribute {label!r}: known are {', '.join(_NAMES)}, and numbers like 2.5.4.3")
        oid = _oid(dotted)
    if isinstance(value, tuple):
        return Attribute(oid, *value)
    if not value:
        raise BadName(f"{label} has no value")
    if oid in _IA5_ONLY and value.isascii():
        return Attribute(oid, _IA5, value.encode())
    try:
        return Attribute(oid, _PRINTABLE if _PRINTABLES.issuperset(value) else _UTF8, value.encode())
    except UnicodeEncodeError:
        raise BadName(f"{label} holds what is no text") from None


def _value(text: str, at: int, ends: str) -> tuple[str | tuple[int, bytes], bool, int]:
    """The value that begins at ``at``, whether it is a bare ``*``, and where the separator after it is."""
    while at < len(text) and text[at] == " ":
        at += 1
    if at < len(text) and text[at] == "#":
        stop = next((i for i in range(at, len(text)) if text[i] in ends), len(text))
        der = _unhex(text[at + 1 : stop].strip())
        tag, start, end = take(der, 0, len(der))
        if tag & 0xE0 or end != len(der):
            raise BadName("a value in hex that is no string")
        return (tag, der[start:end]), False, stop
    quoted = at < len(text) and text[at] == '"'
    at += quoted
    out = bytearray()
    kept = 0
    escaped = False
    while at < len(text):
        letter = text[at]
        if letter == '"' and quoted:
            break
        if letter in ends and not quoted:
            break
        if letter == "\\":
            at, octets = _unescape(text, at + 1)
            out += octets
            kept, escaped = len(out), True
            continue
        out += letter.encode(errors="surrogatepass")
        if letter != " ":
            kept = len(out)
        at += 1
    if quoted:
        if at == len(text):
            raise BadName('a quote " without its end')
        at += 1
        kept = len(out)
        while at < len(text) and text[at] == " ":
            at += 1
        if at < len(text) and text[at] not in ends:
            raise BadName(f"{text[at:]!r} stands between a quoted value and the next attribute")
    try:
        value = bytes(out[:kept]).decode()
    except UnicodeDecodeError:
        raise BadName("a value that is no UTF-8") from None
    return value, value == "*" and not quoted and not escaped, at


def _unescape(text: str, at: int) -> tuple[int, bytes]:
    pair = text[at : at + 2]
    if len(pair) == 2 and all(digit in "0123456789abcdefABCDEF" for digit in pair):
        return at + 2, bytes.fromhex(pair)
    if at == len(text):
        raise BadName("a \\ at the end, with nothing to escape")
    return at + 1, text[at].encode(errors="surrogatepass")


def _unhex(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise BadName("what stands behind # is not hex") from None


def _escape(text: str) -> str:
    """As RFC 4514 section 2.4, and so that ``parse_name`` gives the same text back."""
    if text == "*":
        return "\\2a"
    out: list[str] = []
    for index, letter in enumerate(text):
        if letter == " " and index in (0, len(text) - 1):
            # so that no stripping takes it away
            out.append("\\20")
        elif letter in _ESCAPED or (letter == "#" and index == 0):
            out.append(f"\\{letter}")
        elif letter.isprintable():
            out.append(letter)
        else:
            out.append("".join(f"\\{octet:02x}" for octet in letter.encode(errors="surrogatepass")))
    return "".join(out)
