"""The types of single settings: each takes what the TOML parser gives and returns the value the specs hold.

A field refuses with a ``PydanticCustomError`` that carries ``text`` and ``hint`` of a ``BadValue``.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, TypeVar

from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

from ikeview.core.identity import BadIdentity, Identity, IdentityPattern
from ikeview.core.specs import Address, Method, Network, Start, WhenDown
from ikeview.crypto.secret import Secret
from ikeview.crypto.suites import BadProposal, EspSuite, Phase1Suite
from ikeview.settings import values
from ikeview.settings.problems import BadValue, quoted
from ikeview.settings.units import format_duration, format_size, parse_duration, parse_size

T = TypeVar("T")

LIFETIME_LEAST, LIFETIME_MOST = 60.0, 86400.0
"""Seconds. Below a minute the resends of a rekey outlive the SA; routers commonly take no more than a day."""
BYTES_LEAST, BYTES_MOST = 64 * 10**3, 4 * 10**12
"""Octets. Below 64 kB an SA ends before its rekey is through; above 4 TB the kilobytes no longer fit an SA Life
Duration of four octets (RFC 2407 section 4.5)."""
MARGIN_LEAST = 1.0
"""Seconds between a rekey and the end of the SA; the most is given by the lifetime."""
INTERVAL_LEAST, INTERVAL_MOST = 1.0, 3600.0
"""Seconds between keepalives."""

_KINDS = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "a table"}


def kind_of(value: object) -> str:
    """What a TOML value is, in words."""
    return _KINDS.get(type(value), "a date or time")


def refusal(error: BadValue) -> PydanticCustomError:
    """A ``BadValue`` as the error that pydantic collects; the text goes beside the template, as it may hold braces."""
    return PydanticCustomError("bad_value", "{text}", {"text": error.text, "hint": error.hint})


def _from_text(parse: Callable[[str], T], example: str) -> PlainValidator:
    """A field of text that ``parse`` turns into its value."""

    def validate(value: object) -> T:
        try:
            if not isinstance(value, str):
                raise BadValue(f"wants text in quotes, not {kind_of(value)}", f'write for example "{example}"')
            return parse(value)
        except BadValue as error:
            raise refusal(error) from None

    return PlainValidator(validate)


def _choice(*known: str, later: tuple[str, ...] = (), kind: Callable[[str], T]) -> PlainValidator:
    """A field with a fixed set of words; ``later`` are words of the design that this version cannot do."""

    def parse(text: str) -> T:
        if text in later:
            raise BadValue(f"{quoted(text)} is not in this version yet", f"write {' or '.join(known)}")
        if text not in known:
            raise BadValue(f"{quoted(text)} is not known here", f"write {' or '.join(known)}")
        return kind(text)

    return _from_text(parse, known[0])


def _within(parse: Callable[[str], T], least: T, most: T, show: Callable[[T], str]) -> Callable[[str], T]:
    def bounded(text: str) -> T:
        value = parse(text)
        if not least <= value <= most:  # type: ignore[operator]
            raise BadValue(f"{quoted(text)} is out of bounds", f"write {show(least)} to {show(most)}")
        return value

    return bounded


def _duration(least: float, most: float, example: str) -> PlainValidator:
    return _from_text(_within(parse_duration, least, most, format_duration), example)


def _identity(text: str) -> Identity:
    try:
        return Identity.parse(text)
    except BadIdentity as error:
        raise BadValue(str(error)) from None


def _pattern(text: str) -> IdentityPattern:
    try:
        return IdentityPattern.parse(text)
    except BadIdentity as error:
        raise BadValue(str(error)) from None


@lru_cache(maxsize=256)
def _phase1(text: str) -> Phase1Suite:
    try:
        return Phase1Suite.parse(text)
    except BadProposal as error:
        raise BadValue(str(error)) from None


@lru_cache(maxsize=256)
def _esp(text: str) -> EspSuite:
    try:
        return EspSuite.parse(text)
    except BadProposal as error:
        raise BadValue(str(error)) from None


def _path(text: str) -> str:
    if not text:
        raise BadValue("is empty", "name a file")
    return text


def _port(value: object) -> int:
    if type(value) is not int:
        raise refusal(BadValue(f"wants a number, not {kind_of(value)}", "write for example 500"))
    if not 1 <= value <= 65535:
        raise refusal(BadValue("is no port", "write a number from 1 to 65535"))
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise refusal(BadValue(f"wants true or false, not {kind_of(value)}", "write it without quotes"))
    return value


Flag = Annotated[bool, PlainValidator(_flag)]
Port = Annotated[int, PlainValidator(_port)]
Text = Annotated[str, _from_text(str, "text")]
FileName = Annotated[str, _from_text(_path, "../secrets/tokyo.psk")]
SecretText = Annotated[Secret, _from_text(lambda text: Secret(text.encode()), "...")]
Name = Annotated[str, _from_text(values.parse_name, "tokyo")]
Folder = Annotated[str, _from_text(values.parse_folder, "/var/lib/ikeview")]
User = Annotated[str, _from_text(values.parse_user, "alice")]
ListenAddress = Annotated[Address, _from_text(values.parse_address, "0.0.0.0")]
RemotePlace = Annotated[values.Remote, _from_text(values.parse_remote, "203.0.113.9")]
LocalPlace = Annotated[str, _from_text(values.parse_local, "any")]
Id = Annotated[Identity, _from_text(_identity, "fqdn:gw.example.net")]
IdPattern = Annotated[IdentityPattern, _from_text(_pattern, "fqdn:gw.example.net")]
TrafficSelector = Annotated[values.Traffic, _from_text(values.parse_traffic, "10.1.0.0/24")]
HostAddress = Annotated[Address, _from_text(values.parse_unicast, "10.2.0.1")]
Pool = Annotated[Network, _from_text(values.parse_pool, "10.3.0.0/24")]
IPv4Part = Annotated[Network, _from_text(values.parse_ipv4_network, "10.1.0.0/16")]
Domain = Annotated[str, _from_text(values.parse_domain, "example.net")]
Banner = Annotated[str, _from_text(values.parse_banner, "Welcome")]
Phase1Proposal = Annotated[Phase1Suite, _from_text(_phase1, "aes256-sha256-modp2048")]
EspProposal = Annotated[EspSuite, _from_text(_esp, "aes256gcm16-modp2048")]
Lifetime = Annotated[float, _duration(LIFETIME_LEAST, LIFETIME_MOST, "1h")]
Margin = Annotated[float, _duration(MARGIN_LEAST, LIFETIME_MOST, "9m")]
Interval = Annotated[float, _duration(INTERVAL_LEAST, INTERVAL_MOST, "10s")]
Lifebytes = Annotated[int, _from_text(_within(parse_size, BYTES_LEAST, BYTES_MOST, format_size), "4GB")]

Ike = Annotated[str, _choice("v1", later=("v2",), kind=str)]
ExchangeMode = Annotated[str, _choice("main", "aggressive", kind=str)]
PeerRole = Annotated[str, _choice("both", "initiator", "responder", kind=str)]
AuthMethod = Annotated[Method, _choice(*Method, kind=Method)]
Revocation = Annotated[str, _choice("ifpresent", "strict", kind=str)]
End = Annotated[str, _choice("client", "server", kind=str)]
ConfigMethod = Annotated[str, _choice("pull", "push", kind=str)]
Uniqueness = Annotated[str, _choice("replace", "keep", "never", kind=str)]
Fragmentation = Annotated[str, _choice("auto", "force", "off", kind=str)]
KeepaliveMethod = Annotated[str, _choice("dpd", "icmp", "off", kind=str)]
KeepaliveWhen = Annotated[str, _choice("periodic", "idle", "on-demand", kind=str)]
KeepaliveAction = Annotated[str, _choice("restart", "clear", "hold", kind=str)]
Traversal = Annotated[str, _choice("auto", "force", "off", kind=str)]
EspMode = Annotated[str, _choice("tunnel", "transport", kind=str)]
StartWhen = Annotated[Start, _choice(*Start, kind=Start)]
Down = Annotated[WhenDown, _choice(*WhenDown, kind=WhenDown)]
PlaneName = Annotated[str, _choice("auto", "esp", "memory", later=("xfrm",), kind=str)]
