"""The catalogue of bad input, payload chain (P) and SA and attributes (A): the rows that decoding decides.

What a row's exchange, offer or authentication decides (P14, P16, P18, P19, A04, A06 to A11, A13, A15 to A17) is tested
with these.
"""

import pytest

from ikeview.wire.attributes import Attribute
from ikeview.wire.message import MAX_PADDING, MAX_PAYLOADS, read_chain
from ikeview.wire.payloads import Attributes, NatDetection, Unknown, VendorId
from ikeview.wire.reader import Malformed
from ikeview.wire.sa import MAX_PROPOSALS, MAX_TRANSFORMS, SecurityAssociation
from tests.support.vectors import VECTORS
from tests.support.wire_bytes import assert_faithful, chain, decode, generic, message, proposal, sa, transform

GOOD_SA = sa(proposal(transform(bytes.fromhex("800100078002000280030001 80040002"))))


def _offer(data: bytes) -> SecurityAssociation:
    found = decode(message(1, generic(0, data)))[1].first(SecurityAssociation)
    assert found is not None
    return found


def _refused(data: bytes) -> Malformed:
    with pytest.raises(Malformed) as refusal:
        decode(data)
    return refusal.value


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_p01_payload_length_below_its_header(length: int) -> None:
    refusal = _refused(message(13, generic(0, b"", length=length)))
    assert (refusal.where, refusal.why) == ("payload[0].length", f"is {length}, shorter than its own header")


@pytest.mark.parametrize("length", [9, 65535])
def test_p02_payload_length_past_the_datagram(length: int) -> None:
    assert _refused(message(13, generic(0, b"1234", length=length))).where == "payload[0]"


@pytest.mark.parametrize("length", [0, 7, 65535])
def test_p03_proposal_length_that_lies(length: int) -> None:
    good = proposal(transform())
    lying = good[:2] + length.to_bytes(2) + good[4:]
    assert _refused(message(1, generic(0, sa(lying)))).where.startswith("payload[0].")


@pytest.mark.parametrize("length", [0, 7, 65535])
def test_p03_transform_length_that_lies(length: int) -> None:
    good = transform()
    lying = good[:2] + length.to_bytes(2) + good[4:]
    assert _refused(message(1, generic(0, sa(proposal(lying))))).where.startswith("payload[0].proposal[0].")


def test_p03_a_transform_does_not_reach_into_the_next_payload() -> None:
    good = transform()
    lying = good[:2] + (len(good) + 8).to_bytes(2)
    data = generic(13, sa(proposal(lying + good[4:]))) + generic(0, bytes(60))
    assert _refused(message(1, data)).where == "payload[0].proposal[0].transform[0]"


def test_p04_next_payload_without_octets() -> None:
    assert _refused(message(13, generic(10, b"vendor"))).where == "payload[1].next_payload"


@pytest.mark.parametrize(
    ("kind", "body", "most"),
    [
        (1, GOOD_SA, 1),
        (4, bytes(128), 1),
        (5, b"\2\0\0\0gw", 2),
        (8, bytes(20), 1),
        (9, bytes(128), 1),
        (10, bytes(16), 1),
        (6, b"\4x", 8),
        (7, b"\4", 20),
        (11, bytes(8), 20),
        (12, bytes.fromhex("00000001 03040001 01020304"), 20),
        (13, b"", 20),
        (20, bytes(20), 10),
        (130, bytes(20), 10),
        (21, bytes.fromhex("01000000c0000201"), 2),
        (131, bytes.fromhex("01000000c0000201"), 2),
        (14, bytes.fromhex("01001234"), 1),
        (132, b"\0\1\1\0x", 1),
        (99, b"", MAX_PAYLOADS),
    ],
)
def test_p05_p06_p15_how_many_of_a_kind(kind: int, body: bytes, most: int) -> None:
    _, payloads = decode(message(kind, chain(*[(kind, body)] * most)))
    assert len(payloads.carried) == most
    refusal = _refused(message(kind, chain(*[(kind, body)] * (most + 1))))
    assert refusal.where == f"payload[{most}]"
    assert refusal.why.startswith(f"more than {most} payloads")


def test_p06_a_thousand_empty_vendor_ids() -> None:
    assert str(_refused(message(13, chain(*[(13, b"")] * 1000)))) == (
        "payload[20]: more than 20 payloads of type VID"
    )


def test_p06_many_kinds_stay_below_the_total() -> None:
    kinds = [140 + index for index in range(MAX_PAYLOADS + 1)]
    refusal = _refused(message(kinds[0], chain(*[(kind, b"") for kind in kinds])))
    assert str(refusal) == "payload[50]: more than 50 payloads"


@pytest.mark.parametrize("kind", [15, 16, 99, 128, 133, 255])
def test_p07_unknown_payloads_are_kept_and_passed_over(kind: int) -> None:
    _, payloads = decode(message(13, chain((13, b"before"), (kind, b"private"), (13, b"after"))))
    assert list(payloads) == [VendorId(b"before"), Unknown(kind, b"private"), VendorId(b"after")]


def test_p08_nat_d_of_the_drafts_keeps_its_own_number() -> None:
    data = message(20, chain((20, b"rfc"), (130, b"draft")))
    _, payloads = decode(data)
    assert list(payloads) == [NatDetection(b"rfc"), NatDetection(b"draft", draft=True)]
    assert_faithful(data)
    assert payloads.names() == ("NAT-D*2",)


@pytest.mark.parametrize("reserved", [1, 0xFF])
def test_p09_reserved_octets_are_ignored(reserved: int) -> None:
    odd_transform = transform()[:6] + bytes((reserved, reserved))
    odd = sa(proposal(odd_transform))
    data = message(1, generic(0, odd, reserved=reserved))
    assert decode(data)[1].first(SecurityAssociation) == _offer(sa(proposal(transform())))
    assert_faithful(data)


def test_p10_spi_size_past_the_proposal() -> None:
    lying = generic(0, bytes((1, 1, 255, 1)) + transform())
    assert _refused(message(1, generic(0, sa(lying)))).where == "payload[0].proposal[0].spi"


@pytest.mark.parametrize("size", [0, 4, 8, 16])
def test_p11_phase_1_spi_of_any_size(size: int) -> None:
    assert _offer(sa(proposal(transform(), spi=bytes(size)))).proposals[0].spi == bytes(size)


@pytest.mark.parametrize("count", [0, 2, 255])
def test_p12_transform_count_that_lies(count: int) -> None:
    refusal = _refused(message(1, generic(0, sa(proposal(transform(), count=count)))))
    assert str(refusal) == f"payload[0].proposal[0].transform_count: says {count}, but there are 1"


def test_p13_as_many_proposals_and_transforms_as_there_may_be() -> None:
    many = [transform(number=index + 1 & 255, last=index == MAX_TRANSFORMS - 1) for index in range(MAX_TRANSFORMS)]
    assert len(_offer(sa(proposal(*many))).proposals[0].transforms) == MAX_TRANSFORMS
    most = [proposal(transform(), last=index == MAX_PROPOSALS - 1) for index in range(MAX_PROPOSALS)]
    assert len(_offer(sa(*most)).proposals) == MAX_PROPOSALS
    refusal = _refused(message(1, generic(0, sa(proposal(transform(), last=False), *most))))
    assert str(refusal) == "payload[0].proposal: more than 64"


def test_p13_more_transforms_than_the_count_can_say() -> None:
    many = [transform(last=index == MAX_TRANSFORMS) for index in range(MAX_TRANSFORMS + 1)]
    refusal = _refused(message(1, generic(0, sa(proposal(*many, count=0)))))
    assert str(refusal) == "payload[0].proposal[0].transform: more than 255"


@pytest.mark.parametrize("padding", [0, 1, 16, MAX_PADDING])
def test_p20_padding_of_an_encrypted_message(padding: int) -> None:
    data = chain((13, b"vendor")) + bytes(padding)
    assert len(read_chain(13, data, padded=True).carried) == 1


def test_p20_too_much_padding() -> None:
    with pytest.raises(Malformed, match=r"^end: 256 octets after the last payload$"):
        read_chain(13, chain((13, b"vendor")) + bytes(MAX_PADDING + 1), padded=True)


def test_p20_no_padding_in_the_clear() -> None:
    assert str(_refused(message(13, chain((13, b"vendor")) + b"\0"))) == "end: 1 octet after the last payload"


def test_a01_attribute_past_its_transform() -> None:
    for cut in ("000cffff", "80", "8001 00", "000c 0004 000000"):
        refusal = _refused(message(1, generic(0, sa(proposal(transform(bytes.fromhex(cut)))))))
        assert refusal.where.startswith("payload[0].proposal[0].transform[0].attribute[0].")


@pytest.mark.parametrize("form", ["80010007", "0001 0001 07", "0001 0002 0007", "0001 0004 00000007"])
def test_a02_basic_attribute_in_either_form(form: str) -> None:
    assert _offer(sa(proposal(transform(bytes.fromhex(form))))).proposals[0].transforms[0].get(1) == 7


def test_a04_a05_lifetimes_are_read_as_they_are() -> None:
    lives = {"000c0000": None, "800c0000": 0, "000c0004ffffffff": 0xFFFFFFFF, "000c0008ffffffffffffffff": 2**64 - 1}
    for octets, number in lives.items():
        offer = _offer(sa(proposal(transform(bytes.fromhex(octets)))))
        assert offer.proposals[0].transforms[0].get(12) == number


@pytest.mark.parametrize(("doi", "situation"), [(0, 1), (255, 1), (1, 0), (1, 255), (0xFFFFFFFF, 0xFFFFFFFF)])
def test_a12_doi_and_situation_are_kept_for_whoever_decides(doi: int, situation: int) -> None:
    offer = _offer(sa(proposal(transform()), doi=doi, situation=situation))
    assert (offer.doi, offer.situation) == (doi, situation)


def test_a14_transform_without_attributes() -> None:
    found = _offer(sa(proposal(transform()))).proposals[0].transforms[0]
    assert found.attributes == ()
    assert found.get(1) is None


def test_a18_sa_without_proposals() -> None:
    assert _refused(message(1, generic(0, sa()))).where == "payload[0].proposal[0].next_payload"


def test_the_foreign_stack_stays_within_the_limits() -> None:
    assert all(len(decode(data)[1].carried) <= 12 for vector in VECTORS for data in vector.clear)


@pytest.mark.parametrize("size", [8, 9, 255, 256])
def test_k07_nonces_of_allowed_sizes(size: int) -> None:
    assert_faithful(message(10, generic(0, bytes(size))))


@pytest.mark.parametrize("size", [0, 1, 7, 257, 2000])
def test_k07_nonces_of_other_sizes(size: int) -> None:
    assert _refused(message(10, generic(0, bytes(size)))).where == "payload[0].data"


# RFC 2407 section 4.6.2
@pytest.mark.parametrize(("kind", "size"), [(1, 4), (4, 8), (5, 16), (6, 32), (7, 8), (8, 32)])
def test_k09_address_ids_have_one_size(kind: int, size: int) -> None:
    assert_faithful(message(5, generic(0, bytes((kind, 0, 0, 0)) + bytes(size))))
    for wrong in (size - 1, size + 1, 2 * size, 0):
        assert _refused(message(5, generic(0, bytes((kind, 0, 0, 0)) + bytes(wrong)))).where == "payload[0].data"


@pytest.mark.parametrize("kind", [0, 2, 3, 9, 10, 11, 255])
def test_k09_other_ids_have_any_size_but_none(kind: int) -> None:
    assert_faithful(message(5, generic(0, bytes((kind, 0, 0, 0)) + b"x")))
    assert _refused(message(5, generic(0, bytes((kind, 0, 0, 0))))).why == "is empty"


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4])
def test_f01_a_fragment_without_data(size: int) -> None:
    assert _refused(message(132, generic(0, b"\0\1\1\1"[:size]))).where.startswith("payload[0].")


def test_f02_fragments_are_counted_from_1() -> None:
    refusal = _refused(message(132, generic(0, b"\0\1\0\1data")))
    assert str(refusal) == "payload[0].number: is 0, fragments are counted from 1"
    assert_faithful(message(132, generic(0, b"\0\1\xff\1data")))


@pytest.mark.parametrize("rest", ["", "00", "0000", "000000"])
def test_u08_attributes_may_end_in_too_few_zeros_for_another(rest: str) -> None:
    data = message(14, generic(0, bytes.fromhex("02001234 00010001ff" + rest)))
    found = decode(data)[1].first(Attributes)
    assert found is not None
    assert found.attributes == (Attribute(1, b"\xff", False),)
    assert_faithful(data)


@pytest.mark.parametrize("rest", ["01", "0001", "000001", "80 01 00"])
def test_u08_attributes_end_in_nothing_else(rest: str) -> None:
    refusal = _refused(message(14, generic(0, bytes.fromhex("02001234 00010001ff" + rest))))
    assert refusal.where.startswith("payload[0].attribute[1].")


def test_u08_a_thousand_dns_servers() -> None:
    servers = bytes.fromhex("00030004 c0000235") * 1000
    assert _refused(message(14, generic(0, bytes.fromhex("02001234") + servers))).why == "more than 64 attributes"
