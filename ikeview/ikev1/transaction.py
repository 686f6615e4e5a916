"""Transaction exchange (draft-dukes-ike-mode-cfg-02 section 2): a question and its answer under an ISAKMP SA, either
end the one who asks. XAUTH and mode config are made of these."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace

from ikeview.core.facts import DropReason
from ikeview.core.ladder import Row, ladder
from ikeview.core.refusals import Discard
from ikeview.core.runner import Exchange, Message
from ikeview.ikev1 import keys
from ikeview.ikev1.keys import Phase1Keys
from ikeview.wire.message import Chain, write_chain
from ikeview.wire.numbers import ConfigAttribute, ConfigMessage, ExchangeType, UnityAttribute, XauthAttribute
from ikeview.wire.payloads import Attributes, HashPayload, Payload

LADDER = ladder("""
    HDR*, HASH(1), ATTR  -->
                         <--  HDR*, HASH(1), ATTR
""")

ANSWERS = {ConfigMessage.REQUEST: ConfigMessage.REPLY, ConfigMessage.SET: ConfigMessage.ACK}


@dataclass(frozen=True, slots=True)
class Ground:
    """What either end starts from."""

    keys: Phase1Keys
    message_id: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Whoever asks, before and after row 1."""

    ground: Ground
    question: Attributes


@dataclass(frozen=True, slots=True)
class Listening:
    """Whoever is asked, before row 1: ``answer`` gives the reply to a question that has proved its origin, or raises
    ``Discard``."""

    ground: Ground
    answer: Callable[[Attributes], Attributes]


@dataclass(frozen=True, slots=True)
class Heard:
    """Whoever is asked, afterwards."""

    ground: Ground
    question: Attributes
    reply: Attributes


@dataclass(frozen=True, slots=True)
class Answered:
    """Whoever asked, after row 2."""

    ground: Ground
    question: Attributes
    reply: Attributes


def ask(stage: Ask) -> tuple[Ask, list[Payload]]:
    """Row 1, built."""
    return stage, _protected(stage.ground, stage.question)


def hear(stage: Listening, message: Message) -> Heard:
    """Row 1, taken."""
    question = _checked(stage.ground, message.chain)
    if question.kind not in ANSWERS:
        raise Discard(DropReason.NOT_EXPECTED, f"{_kind(question.kind)} begins no transaction")
    return Heard(stage.ground, question, stage.answer(question))


def reply(stage: Heard) -> tuple[Heard, list[Payload]]:
    """Row 2, built."""
    return stage, _protected(stage.ground, stage.reply)


def check_reply(stage: Ask, message: Message) -> Answered:
    """Row 2, taken. Its identifier should be that of the question (section 3.2), but that of strongSwan's answer to
    XAUTH is 0; that it answers this question is known by the message ID already."""
    question, given = stage.question, _checked(stage.ground, message.chain)
    if given.kind != ANSWERS[ConfigMessage(question.kind)]:
        raise Discard(DropReason.NOT_EXPECTED, f"{_kind(given.kind)} is no answer to {_kind(question.kind)}")
    return Answered(stage.ground, question, given)


def _protected(ground: Ground, attributes: Attributes) -> list[Payload]:
    proof = keys.hash_1(ground.keys, ground.message_id, write_chain([attributes]))
    return [HashPayload(proof), attributes]


def _checked(ground: Ground, chain: Chain) -> Attributes:
    given, attributes = chain.first(HashPayload), chain.first(Attributes)
    assert given is not None and attributes is not None, "the ladder has checked it"
    if not hmac.compare_digest(given.data, keys.hash_1(ground.keys, ground.message_id, chain.after_first())):
        raise Discard(DropReason.BAD_HASH, "transaction")
    return attributes


def _kind(number: int) -> str:
    return ConfigMessage(number).name if number in ConfigMessage._value2member_map_ else f"message {number}"


def is_xauth(attributes: Attributes) -> bool:
    """Whether it belongs to XAUTH, and not to mode config."""
    return any(each.kind in XauthAttribute._value2member_map_ for each in attributes.attributes)


def attribute_name(kind: int) -> str:
    """The name of an attribute, or its number."""
    for table in (XauthAttribute, ConfigAttribute, UnityAttribute):
        if kind in table._value2member_map_:
            return table(kind).name.replace("_", "-")
    return f"attribute {kind}"


def notes(row: Row, stage: object, chain: Chain | None) -> tuple[str, ...]:
    """Remarks on a row for the reader: which attributes, never what is in them."""
    match stage:
        case Ask(question=shown) | Heard(question=shown) if row.number == 1:
            pass
        case Heard(reply=shown) | Answered(reply=shown):
            pass
        case _:
            return ()
    names = dict.fromkeys(attribute_name(each.kind) for each in shown.attributes)
    return (f"{_kind(shown.kind)} {', '.join(names)}".strip(),)


def refined(stage: object) -> Exchange | None:
    """By the question it turns out to be XAUTH or mode config."""
    return (XAUTH if is_xauth(stage.question) else MODE_CONFIG) if isinstance(stage, Heard) else None


MODE_CONFIG = Exchange(
    "Mode Config", ExchangeType.TRANSACTION, LADDER, ((ask, hear), (reply, check_reply)), notes,
    responder_resends=False, refined=refined,
)

XAUTH = replace(MODE_CONFIG, name="XAUTH")
