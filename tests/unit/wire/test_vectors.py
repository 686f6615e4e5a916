"""The recorded negotiations: every datagram decodes and is written back to the same octets."""

import pytest

from ikeview.wire.header import HEADER_SIZE, Header
from ikeview.wire.numbers import ExchangeType, Flag
from ikeview.wire.payloads import KeyExchange, NatDetection, Nonce, Unknown
from ikeview.wire.reader import Span
from ikeview.wire.sa import SecurityAssociation
from tests.support.vectors import VECTORS, Vector
from tests.support.wire_bytes import assert_faithful, assert_tiles, decode

pytestmark = pytest.mark.parametrize("vector", VECTORS, ids=str)


def test_headers(vector: Vector) -> None:
    for each in vector.messages:
        header = Header.read(each.message)
        assert header.write() == each.message[:HEADER_SIZE]
        assert header.length == len(each.message)
        assert header.major == 1
        assert bool(header.flags & Flag.ENCRYPTION) == each.encrypted


def test_clear_messages_are_written_back_as_they_came(vector: Vector) -> None:
    assert len(vector.clear) >= 2
    for data in vector.clear:
        assert_faithful(data)


def test_no_known_payload_is_taken_for_unknown(vector: Vector) -> None:
    # 130 is the NAT-D of the drafts, which this stack sends to nobody here; 132 is a fragment
    assert {each.kind for data in vector.clear for each in decode(data)[1].all(Unknown)} <= {132}


def test_spans_tile_the_datagram(vector: Vector) -> None:
    for data in vector.clear:
        spans: list[Span] = []
        decode(data, spans)
        assert_tiles(spans, data)
        paths = [span.path for span in spans]
        assert len(set(paths)) == len(paths)
        assert paths[:8] == [
            f"header.{name}"
            for name in (
                "initiator_cookie", "responder_cookie", "next_payload", "version", "exchange_type", "flags",
                "message_id", "length",
            )
        ]  # fmt: skip


def test_spans_tile_the_header_of_an_encrypted_message(vector: Vector) -> None:
    for each in vector.messages:
        spans: list[Span] = []
        Header.read(each.message, spans)
        assert_tiles(spans, each.message[:HEADER_SIZE])


def test_what_the_first_exchange_holds(vector: Vector) -> None:
    header, offer = decode(vector.clear[0])
    assert header.exchange_type == (
        ExchangeType.MAIN_MODE if vector.parameters["mode"] == "main" else ExchangeType.AGGRESSIVE
    )
    sa = offer.first(SecurityAssociation)
    assert sa is not None
    (proposal,) = sa.proposals
    assert (sa.doi, sa.situation, proposal.protocol, len(proposal.transforms)) == (1, 1, 1, 1)
    # the initiator's SA body as received is what both sides hash (RFC 2409 section 5)
    assert offer.body(SecurityAssociation) in vector.log.one("HASH_I data")
    assert offer.body(SecurityAssociation) in vector.log.one("HASH_R data")


def test_ke_nonce_and_nat_d(vector: Vector) -> None:
    chains = [decode(data)[1] for data in vector.clear]
    publics = [ke.data for chain in chains for ke in chain.all(KeyExchange)]
    if vector.name == "aggressive-rsa-aes256-sha256-modp2048":
        # the responder's KE is in fragments here
        assert len(publics) == 1
        return
    assert len(publics) == 2
    assert len([nonce for chain in chains for nonce in chain.all(Nonce)]) == 2
    assert vector.log.one("HASH_I data").startswith(publics[0] + publics[1])
    hashes = {detected.data for chain in chains for detected in chain.all(NatDetection)}
    assert vector.log.one("received dst_hash") in hashes
    assert vector.log.one("received src_hash") in hashes
