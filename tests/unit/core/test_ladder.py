"""The diagrams of the RFCs as specifications."""

import pytest

from ikeview.core.facts import DropReason
from ikeview.core.ladder import RIDERS, Row, ladder
from ikeview.core.refusals import Discard
from ikeview.core.specs import Role
from ikeview.ikev1 import main_mode, quick_mode
from ikeview.wire.message import Chain, read_chain, write_chain
from ikeview.wire.numbers import IdType, PayloadType
from ikeview.wire.payloads import (
    Attributes,
    Certificate,
    Fragment,
    HashPayload,
    Identification,
    KeyExchange,
    Nonce,
    Payload,
    Signature,
    Unknown,
    VendorId,
    payload_type,
)
from ikeview.wire.sa import Proposal, SecurityAssociation, Transform

HASH, NONCE, KE, VID = HashPayload(b"h" * 20), Nonce(b"n" * 16), KeyExchange(b"k" * 32), VendorId(b"v")
ID = Identification(IdType.IPV4_ADDR, 0, 0, bytes(4))
SA = SecurityAssociation.of(Proposal(1, 1, b"", (Transform(1, 1, ()),)))


def chain(*payloads: Payload) -> Chain:
    return read_chain(payload_type(payloads[0]) if payloads else 0, write_chain(payloads))


def verdict(row: Row, *payloads: Payload) -> DropReason | None:
    try:
        row.check(chain(*payloads))
    except Discard as refusal:
        return refusal.reason
    return None


def test_main_mode_is_read_as_the_rfc_draws_it() -> None:
    rows = main_mode.LADDER
    assert [(row.number, row.sender, row.encrypted) for row in rows] == [
        (1, Role.INITIATOR, False), (2, Role.RESPONDER, False), (3, Role.INITIATOR, False),
        (4, Role.RESPONDER, False), (5, Role.INITIATOR, True), (6, Role.RESPONDER, True),
    ]  # fmt: skip
    assert rows[2].required == (PayloadType.KE, PayloadType.NONCE)
    assert [row.arrow for row in rows][4:] == ["> HDR*, IDii, HASH_I", "< HDR*, IDir, HASH_R"]


def test_quick_mode_knows_what_may_be_there() -> None:
    row = quick_mode.LADDER[0]
    assert row.required == (PayloadType.HASH, PayloadType.SA, PayloadType.NONCE)
    assert row.optional == ((PayloadType.KE,), (PayloadType.ID, PayloadType.ID))


@pytest.mark.parametrize(
    ("payloads", "reason"),
    [
        ((HASH, SA, NONCE), None),
        ((HASH, SA, NONCE, KE), None),
        ((HASH, SA, NONCE, ID, ID), None),
        ((HASH, SA, NONCE, KE, ID, ID), None),
        ((HASH, SA, NONCE, VID, Unknown(250, b"x")), None),
        ((HASH, NONCE, SA), None),
        ((HASH, SA, NONCE, ID), DropReason.MISSING_PAYLOAD),
        ((HASH, SA), DropReason.MISSING_PAYLOAD),
        ((SA, NONCE), DropReason.MISSING_PAYLOAD),
        ((SA, HASH, NONCE), DropReason.MISSING_PAYLOAD),
        ((), DropReason.MISSING_PAYLOAD),
    ],
)
def test_the_first_row_of_quick_mode(payloads: tuple[Payload, ...], reason: DropReason | None) -> None:
    assert verdict(quick_mode.LADDER[0], *payloads) is reason


def test_the_words_of_signatures_certificates_and_transactions() -> None:
    rows = ladder("""
        HDR*, IDii, [CERT,] SIG_I   -->
                                    <--  HDR*, IDir [, CERT], SIG_R
        HDR*, HASH(1), ATTR         -->
    """)
    assert [row.required for row in rows] == [
        (PayloadType.ID, PayloadType.SIG), (PayloadType.ID, PayloadType.SIG),
        (PayloadType.HASH, PayloadType.ATTRIBUTES),
    ]  # fmt: skip
    sig, cert = Signature(b"s" * 64), Certificate(4, b"c" * 300)
    for row in rows[:2]:
        assert verdict(row, ID, sig) is None
        assert verdict(row, ID, cert, cert, cert, sig) is None
        assert verdict(row, ID, cert) is DropReason.MISSING_PAYLOAD
    assert verdict(rows[2], HASH, Attributes(1, 7, ())) is None
    assert verdict(rows[2], Attributes(1, 7, ()), HASH) is DropReason.MISSING_PAYLOAD
    assert verdict(rows[2], HASH) is DropReason.MISSING_PAYLOAD


def test_a_fragment_stands_in_no_row() -> None:
    for row in (*main_mode.LADDER, *quick_mode.LADDER):
        needed: dict[int, Payload] = {1: SA, 4: KE, 5: ID, 8: HASH, 10: NONCE}
        payloads = [needed[kind] for kind in row.required]
        assert verdict(row, *payloads, Fragment(1, 1, 1, b"x")) is DropReason.EXTRA_PAYLOAD


def test_what_must_not_be_there_is_refused() -> None:
    assert verdict(main_mode.LADDER[0], SA, KE) is DropReason.EXTRA_PAYLOAD
    assert verdict(main_mode.LADDER[4], ID, HASH, NONCE) is DropReason.EXTRA_PAYLOAD
    assert verdict(main_mode.LADDER[4], ID, ID, HASH) is DropReason.EXTRA_PAYLOAD
    assert verdict(quick_mode.LADDER[2], HASH, KE) is DropReason.EXTRA_PAYLOAD


def test_riders_may_come_anywhere() -> None:
    for row in (*main_mode.LADDER, *quick_mode.LADDER):
        needed: dict[int, Payload] = {1: SA, 4: KE, 5: ID, 8: HASH, 10: NONCE}
        payloads = [needed[kind] for kind in row.required]
        assert verdict(row, *payloads, VID, VID) is None
    assert PayloadType.VENDOR_ID in RIDERS
    assert not RIDERS & {PayloadType.SA, PayloadType.KE, PayloadType.ID, PayloadType.HASH, PayloadType.NONCE}


def test_blank_lines_and_spaces_do_not_count() -> None:
    one = ladder("HDR, SA -->\n<-- HDR, SA")
    other = ladder("\n\n   HDR,   SA      -->  \n\n      <--    HDR,  SA   \n")
    assert one == other
    assert len(one) == 2


@pytest.mark.parametrize(
    "diagram",
    ["HDR, SA", "SA -->", "-->", "<--", "HDR, SA, WHAT -->", "HDR*, HASH(1) [, WHAT] -->", "HDR** -->", "<-- hdr, SA"],
)
def test_what_is_no_diagram_is_refused(diagram: str) -> None:
    with pytest.raises(ValueError, match=r"arrow|HDR|no payload"):
        ladder(diagram)
