"""Questions and answers of transactions, step by step."""

from dataclasses import replace

import pytest

from ikeview.core.refusals import Discard
from ikeview.core.runner import Message
from ikeview.crypto.ciphers import CIPHERS
from ikeview.crypto.hashes import HASHES
from ikeview.crypto.secret import Secret
from ikeview.ikev1 import xauth
from ikeview.ikev1.keys import Phase1Keys
from ikeview.ikev1.transaction import Answered, Ask, Ground, Heard, ask, check_reply, reply
from ikeview.wire.header import VERSION, Header
from ikeview.wire.message import read_chain, write_chain
from ikeview.wire.numbers import ConfigMessage, ExchangeType
from ikeview.wire.payloads import Attributes, HashPayload, Payload

_SECRET = Secret(bytes(32))
_GROUND = Ground(
    Phase1Keys(HASHES["sha256"], CIPHERS["aes256"], _SECRET, _SECRET, _SECRET, _SECRET), 0x01020304
)
_QUESTION = xauth.question(7)


def _message(payloads: list[Payload]) -> Message:
    octets = write_chain(payloads)
    kind = HashPayload.TYPE
    header = Header(bytes(8), bytes(8), kind, VERSION, ExchangeType.TRANSACTION, 1, _GROUND.message_id, len(octets))
    return Message(header, read_chain(kind, octets))


def _taken(answer: Attributes) -> Answered:
    asked, _ = ask(Ask(_GROUND, _QUESTION))
    _, payloads = reply(Heard(_GROUND, _QUESTION, answer))
    return check_reply(asked, _message(payloads))


@pytest.mark.parametrize("identifier", [7, 0])
def test_answer_is_known_by_the_message_id(identifier: int) -> None:
    """strongSwan's answer to XAUTH has the identifier 0, whatever the question's was."""
    answer = Attributes(ConfigMessage.REPLY, identifier, ())
    assert _taken(answer).reply == answer


@pytest.mark.parametrize("kind", [ConfigMessage.REQUEST, ConfigMessage.SET, ConfigMessage.ACK, 9])
def test_what_is_no_answer(kind: int) -> None:
    with pytest.raises(Discard, match="no answer to REQUEST"):
        _taken(replace(_QUESTION, kind=kind))
