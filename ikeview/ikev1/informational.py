"""Informational messages under an ISAKMP SA, and the unprotected ones before there is one (RFC 2409 section 5.7)."""

import hmac

from ikeview.core.facts import DropReason
from ikeview.core.refusals import Discard
from ikeview.core.runner import open_chain
from ikeview.ikev1 import keys
from ikeview.ikev1.keys import Cookies, Phase1Keys
from ikeview.wire.header import HEADER_SIZE, VERSION, Header
from ikeview.wire.message import Chain, first_type, read_chain, write_chain
from ikeview.wire.numbers import ExchangeType, Flag, PayloadType
from ikeview.wire.payloads import HashPayload, Notify, Payload, payload_type


def seal(phase1: Phase1Keys, last_block: bytes, cookies: Cookies, message_id: int, payloads: list[Payload]) -> bytes:
    """``HDR*, HASH(1), N/D``: a message ID of its own, so an IV of its own."""
    proof = keys.hash_1(phase1, message_id, write_chain(payloads))
    body, _ = phase1.message_channel(last_block, message_id).seal(write_chain([HashPayload(proof), *payloads]))
    header = Header(
        cookies.initiator, cookies.responder, PayloadType.HASH, VERSION, ExchangeType.INFORMATIONAL, Flag.ENCRYPTION,
        message_id, HEADER_SIZE + len(body),
    )
    return header.write() + body


def unseal(phase1: Phase1Keys, last_block: bytes, header: Header, datagram: bytes) -> Chain:
    """The payloads of a protected message, HASH(1) checked. Raises ``Discard``."""
    if not header.message_id:
        raise Discard(DropReason.BAD_MESSAGE_ID, "an Informational message has one of its own")
    chain, _ = open_chain(phase1.message_channel(last_block, header.message_id), header, datagram)
    first = chain.carried[0].payload if chain.carried else None
    if not isinstance(first, HashPayload):
        raise Discard(DropReason.MISSING_PAYLOAD, "HASH must come first (RFC 2409 section 5.7)")
    if not hmac.compare_digest(first.data, keys.hash_1(phase1, header.message_id, chain.after_first())):
        raise Discard(DropReason.BAD_HASH, "Informational")
    return chain


def clear(cookies: Cookies, message_id: int, notify: Notify) -> bytes:
    """An unprotected notify, for a peer with which there are no keys."""
    body = write_chain([notify])
    header = Header(
        cookies.initiator, cookies.responder, first_type([notify]), VERSION, ExchangeType.INFORMATIONAL, 0,
        message_id, HEADER_SIZE + len(body),
    )
    return header.write() + body


def unprotected(header: Header, datagram: bytes) -> Chain:
    """The payloads of an unprotected message: hints at best. Raises ``Malformed`` and ``Discard``."""
    chain = read_chain(header.next_payload, datagram, HEADER_SIZE)
    if not any(payload_type(each) == PayloadType.NOTIFY for each in chain):
        raise Discard(DropReason.UNPROTECTED_NOTIFY, "without a notify")
    return chain
