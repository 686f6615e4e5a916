"""What XAUTH says (draft-beaulieu-ike-xauth-02): a user's name and password, asked for by the server."""

from dataclasses import dataclass

from ikeview.core.specs import XauthSpec
from ikeview.crypto.secret import Secret
from ikeview.wire.attributes import Attribute
from ikeview.wire.numbers import ConfigMessage, XauthAttribute
from ikeview.wire.payloads import Attributes

FAIL, OK = 0, 1
"""XAUTH-STATUS (section 6.1)."""
GENERIC = 0
"""XAUTH-TYPE: name and password as they are; the others are challenges of special hardware."""
_TEXT_MOST = 255
"""Octets of a user's name."""


def question(identifier: int) -> Attributes:
    """The server asks who it is."""
    empty = tuple(Attribute(kind, b"", False) for kind in (XauthAttribute.USER_NAME, XauthAttribute.USER_PASSWORD))
    return Attributes(ConfigMessage.REQUEST, identifier, empty)


def answer(asked: Attributes, spec: XauthSpec) -> Attributes:
    """The client's answer: what it was asked for, or FAIL where it cannot answer that."""
    given: list[Attribute] = []
    for each in asked.attributes:
        match each.kind:
            case XauthAttribute.TYPE:
                if each.number != GENERIC:
                    return Attributes(ConfigMessage.REPLY, asked.identifier, (_status(FAIL),))
                given.append(Attribute(each.kind, GENERIC.to_bytes(2), True))
            case XauthAttribute.USER_NAME:
                given.append(Attribute(each.kind, spec.user.encode(), False))
            case XauthAttribute.USER_PASSWORD | XauthAttribute.PASSCODE:
                assert spec.password is not None, "the settings have seen to it"
                given.append(Attribute(each.kind, spec.password.reveal(), False))
            case XauthAttribute.CHALLENGE | XauthAttribute.NEXT_PIN | XauthAttribute.ANSWER:
                return Attributes(ConfigMessage.REPLY, asked.identifier, (_status(FAIL),))
    return Attributes(ConfigMessage.REPLY, asked.identifier, tuple(given))


def unanswerable(asked: Attributes) -> str:
    """What the server asks for that a name and a password do not answer; empty if they do."""
    for each in asked.attributes:
        if each.kind == XauthAttribute.TYPE and each.number != GENERIC:
            return f"XAUTH type {each.number}"
        if each.kind in (XauthAttribute.CHALLENGE, XauthAttribute.NEXT_PIN, XauthAttribute.ANSWER):
            return XauthAttribute(each.kind).name.replace("_", "-")
    return ""


def message(asked: Attributes) -> str:
    """What the server wants the user to read; may be empty."""
    texts = [each.value for each in asked.attributes if each.kind == XauthAttribute.MESSAGE]
    return texts[0][:_TEXT_MOST].decode(errors="replace") if texts else ""


@dataclass(frozen=True, slots=True)
class Login:
    """Who the client says it is."""

    user: str
    password: Secret


def login(given: Attributes) -> Login | None:
    """The client's answer; None where it has none."""
    values = {each.kind: each.value for each in given.attributes}
    user = values.get(XauthAttribute.USER_NAME, b"")
    password = values.get(XauthAttribute.USER_PASSWORD) or values.get(XauthAttribute.PASSCODE) or b""
    if not user or len(user) > _TEXT_MOST or XauthAttribute.STATUS in values:
        return None
    # some stacks close text with a zero
    return Login(user.rstrip(b"\0").decode(errors="replace"), Secret(password.rstrip(b"\0")))


def result(identifier: int, *, right: bool) -> Attributes:
    """The server says how it went."""
    return Attributes(ConfigMessage.SET, identifier, (_status(OK if right else FAIL),))


def acknowledged(given: Attributes) -> Attributes:
    """The client has heard it (section 5.3: STATUS without a value)."""
    return Attributes(ConfigMessage.ACK, given.identifier, (Attribute(XauthAttribute.STATUS, b"", False),))


def status(given: Attributes) -> int | None:
    """How the server says it went; None if it says nothing of it."""
    return next((each.number for each in given.attributes if each.kind == XauthAttribute.STATUS), None)


def _status(value: int) -> Attribute:
    return Attribute(XauthAttribute.STATUS, value.to_bytes(2), True)
