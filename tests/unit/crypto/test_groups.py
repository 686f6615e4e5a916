"""Diffie-Hellman groups against the RFCs' own digits and examples, and against bad public values."""

import contextlib
import os
import random
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ikeview.crypto import groups
from ikeview.crypto.groups import GROUPS, GROUPS_BY_NUMBER, BadPublicValue, Group, modp_prime

MODP = [group for group in GROUPS.values() if group.name.startswith("modp")]
ECP = [group for group in GROUPS.values() if group.name.startswith("ecp")]
QUICK = [group for group in MODP if group.public_size <= 256]

# RFC 2409 sections 6.1 and 6.2, RFC 3526 sections 2 and 3: the digits that the primes share, then each one's own.
_HEAD = """
    FFFFFFFF FFFFFFFF C90FDAA2 2168C234 C4C6628B 80DC1CD1 29024E08 8A67CC74 020BBEA6 3B139B22 514A0879 8E3404DD
    EF9519B3 CD3A431B 302B0A6D F25F1437 4FE1356D 6D51C245 E485B576 625E7EC6 F44C42E9"""
_TO_1024 = "A637ED6B 0BFF5CB6 F406B7ED EE386BFB 5A899FA5 AE9F2411 7C4B1FE6 49286651"
_TO_1536 = """
    ECE45B3D C2007CB8 A163BF05 98DA4836 1C55D39A 69163FA8 FD24CF5F 83655D23 DCA3AD96 1C62F356 208552BB 9ED52907
    7096966D 670C354E 4ABC9804 F1746C08"""
PRIMES = {
    768: _HEAD + "A63A3620 FFFFFFFF FFFFFFFF",
    1024: _HEAD + _TO_1024 + "ECE65381 FFFFFFFF FFFFFFFF",
    1536: _HEAD + _TO_1024 + _TO_1536 + "CA237327 FFFFFFFF FFFFFFFF",
    2048: _HEAD + _TO_1024 + _TO_1536 + """
        CA18217C 32905E46 2E36CE3B E39E772C 180E8603 9B2783A2 EC07A28F B5C55DF0 6F4C52C9 DE2BCBF6 95581718 3995497C
        EA956AE5 15D22618 98FA0510 15728E5A 8AACAA68 FFFFFFFF FFFFFFFF""",
}  # fmt: skip


@pytest.mark.parametrize("bits", PRIMES)
def test_primes_are_the_printed_ones(bits: int) -> None:
    assert modp_prime(bits) == int("".join(PRIMES[bits].split()), 16)


def _passes_miller_rabin(number: int, base: int) -> bool:
    odd, twos = number - 1, 0
    while not odd & 1:
        odd, twos = odd >> 1, twos + 1
    power = pow(base, odd, number)
    if power in (1, number - 1):
        return True
    for _ in range(twos - 1):
        power = power * power % number
        if power == number - 1:
            return True
    return False


@pytest.mark.parametrize("group", MODP, ids=str)
def test_primes_are_safe(group: Group) -> None:
    prime = modp_prime(group.public_size * 8)
    half = prime // 2
    assert prime.bit_length() == group.public_size * 8
    # Pocklington: with (p-1)/2 prime, this makes p prime; and it is 1 because 2 generates the squares
    assert pow(2, half, prime) == 1
    if group.public_size <= 512:
        # the larger ones take seconds for no more than the formula, which is the same for all
        assert _passes_miller_rabin(half, 3)


@pytest.mark.parametrize("bits", [768, 1024, 1536, 2048, 3072, 4096, 6144, 8192])
def test_primes_have_64_ones_at_either_end(bits: int) -> None:
    digits = f"{modp_prime(bits):x}"
    assert digits.startswith("f" * 16 + "c90fdaa22168c234")
    assert digits.endswith("f" * 16)


def test_numbers_and_sizes() -> None:
    # RFC 2409 section 6, RFC 3526, RFC 5903 section 7, RFC 8031 section 2
    assert {group.number: (group.name, group.public_size) for group in GROUPS.values()} == {
        1: ("modp768", 96), 2: ("modp1024", 128), 5: ("modp1536", 192), 14: ("modp2048", 256), 15: ("modp3072", 384),
        16: ("modp4096", 512), 17: ("modp6144", 768), 18: ("modp8192", 1024), 19: ("ecp256", 64), 20: ("ecp384", 96),
        21: ("ecp521", 132), 31: ("x25519", 32),
    }  # fmt: skip
    assert {number: group.name for number, group in GROUPS_BY_NUMBER.items()} == {
        group.number: group.name for group in GROUPS.values()
    }
    assert {group.name for group in GROUPS.values() if group.weak} == {"modp768", "modp1024", "modp1536"}
    assert str(GROUPS["modp2048"]) == "Group(modp2048)"


@pytest.mark.parametrize("group", GROUPS.values(), ids=str)
def test_two_sides_agree(group: Group) -> None:
    one, other = group.key_pair(), group.key_pair(os.urandom)
    assert one.group is group
    assert len(one.public) == len(other.public) == group.public_size
    assert one.public != other.public
    assert one.shared(other.public) == other.shared(one.public)
    sizes = {"ecp256": 32, "ecp384": 48, "ecp521": 66}
    assert len(one.shared(other.public)) == sizes.get(group.name, group.public_size)


@pytest.mark.parametrize("group", GROUPS.values(), ids=str)
def test_a_seeded_pair_is_the_same_again(group: Group) -> None:
    assert group.key_pair(random.Random(1).randbytes).public == group.key_pair(random.Random(1).randbytes).public
    assert group.key_pair(random.Random(1).randbytes).public != group.key_pair(random.Random(2).randbytes).public


def _always(value: bytes) -> Callable[[int], bytes]:
    return lambda count: value


@pytest.mark.parametrize("group", MODP, ids=str)
def test_library_and_integers_give_the_same(group: Group) -> None:
    library = groups._LibraryModp(group)
    private = library._private.private_numbers().x
    integers = group.key_pair(_always(private.to_bytes(group.public_size)))
    assert isinstance(integers, groups._IntegerModp)
    assert library.public == integers.public
    peer = group.key_pair(os.urandom).public
    assert library.shared(peer) == integers.shared(peer)


@pytest.mark.parametrize("group", QUICK, ids=str)
def test_without_the_library_integers_serve(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    library = group.key_pair()
    monkeypatch.setattr(groups, "_ffdh", None)
    integers = group.key_pair()
    assert isinstance(integers, groups._IntegerModp)
    monkeypatch.undo()
    assert library.shared(integers.public) == integers.shared(library.public)


@pytest.mark.parametrize("group", QUICK, ids=str)
def test_a_short_secret_is_padded_to_the_prime(group: Group) -> None:
    prime = modp_prime(group.public_size * 8)
    library, integers = groups._LibraryModp(group), groups._IntegerModp(group, os.urandom)
    for pair, private in ((library, library._private.private_numbers().x), (integers, integers._exponent)):
        # the peer's value with which the secret is 4: its root by the private value, in the group of squares
        root = pow(4, pow(private, -1, prime // 2), prime)
        assert pair.shared(root.to_bytes(group.public_size)).reveal() == (4).to_bytes(group.public_size)


# RFC 5903 section 8: i, gix, giy, r, grx, gry, girx
EXAMPLES = {
    "ecp256": (
        "C88F01F5 10D9AC3F 70A292DA A2316DE5 44E9AAB8 AFE84049 C62A9C57 862D1433",
        "DAD0B653 94221CF9 B051E1FE CA5787D0 98DFE637 FC90B9EF 945D0C37 72581180",
        "5271A046 1CDB8252 D61F1C45 6FA3E59A B1F45B33 ACCF5F58 389E0577 B8990BB3",
        "C6EF9C5D 78AE012A 011164AC B397CE20 88685D8F 06BF9BE0 B283AB46 476BEE53",
        "D12DFB52 89C8D4F8 1208B702 70398C34 2296970A 0BCCB74C 736FC755 4494BF63",
        "56FBF3CA 366CC23E 8157854C 13C58D6A AC23F046 ADA30F83 53E74F33 039872AB",
        "D6840F6B 42F6EDAF D13116E0 E1256520 2FEF8E9E CE7DCE03 812464D0 4B9442DE",
    ),
    "ecp384": (
        "099F3C70 34D4A2C6 99884D73 A375A67F 7624EF7C 6B3C0F16 0647B674 14DCE655 E35B5380 41E649EE 3FAEF896 783AB194",
        "667842D7 D180AC2C DE6F74F3 7551F557 55C7645C 20EF73E3 1634FE72 B4C55EE6 DE3AC808 ACB4BDB4 C88732AE E95F41AA",
        "9482ED1F C0EEB9CA FC498462 5CCFC23F 65032149 E0E144AD A0241815 35A0F38E EB9FCFF3 C2C947DA E69B4C63 4573A81C",
        "41CB0779 B4BDB85D 47846725 FBEC3C94 30FAB46C C8DC5060 855CC9BD A0AA2942 E0308312 916B8ED2 960E4BD5 5A7448FC",
        "E558DBEF 53EECDE3 D3FCCFC1 AEA08A89 A987475D 12FD950D 83CFA417 32BC509D 0D1AC43A 0336DEF9 6FDA41D0 774A3571",
        "DCFBEC7A ACF31964 72169E83 8430367F 66EEBE3C 6E70C416 DD5F0C68 759DD1FF F83FA401 42209DFF 5EAAD96D B9E6386C",
        "11187331 C279962D 93D60424 3FD592CB 9D0A926F 422E4718 7521287E 7156C5C4 D6031355 69B9E9D0 9CF5D4A2 70F59746",
    ),
    "ecp521": (
        """0037ADE9 319A89F4 DABDB3EF 411AACCC A5123C61 ACAB57B5 393DCE47 608172A0 95AA85A3 0FE1C295 2C6771D9 37BA9777
        F5957B26 39BAB072 462F68C2 7A57382D 4A52""",
        """0015417E 84DBF28C 0AD3C278 713349DC 7DF153C8 97A1891B D98BAB43 57C9ECBE E1E3BF42 E00B8E38 0AEAE57C 2D107564
        94188594 2AF5A7F4 601723C4 195D176C ED3E""",
        """017CAE20 B6641D2E EB695786 D8C94614 6239D099 E18E1D5A 514C739D 7CB4A10A D8A78801 5AC405D7 799DC75E 7B7D5B6C
        F2261A6A 7F150743 8BF01BEB 6CA3926F 9582""",
        """0145BA99 A847AF43 793FDD0E 872E7CDF A16BE30F DC780F97 BCCC3F07 8380201E 9C677D60 0B343757 A3BDBF2A 3163E4C2
        F869CCA7 458AA4A4 EFFC311F 5CB15168 5EB9""",
        """00D0B397 5AC4B799 F5BEA16D 5E13E9AF 971D5E9B 984C9F39 728B5E57 39735A21 9B97C356 436ADC6E 95BB0352 F6BE64A6
        C2912D4E F2D0433C ED2B6171 640012D9 460F""",
        """015C6822 6383956E 3BD066E7 97B623C2 7CE0EAC2 F551A10C 2C724D98 52077B87 220B6536 C5C408A1 D2AEBB8E 86D678AE
        49CB5709 1F473229 6579AB44 FCD17F0F C56A""",
        """01144C7D 79AE6956 BC8EDB8E 7C787C45 21CB086F A64407F9 7894E5E6 B2D79B04 D1427E73 CA4BAA24 0A347868 59810C06
        B3C715A3 A8CC3151 F2BEE417 996D19F3 DDEA""",
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_ecp_examples(name: str) -> None:
    i, gix, giy, r, grx, gry, girx = (bytes.fromhex(digits) for digits in EXAMPLES[name])
    initiator, responder = GROUPS[name].key_pair(_always(i)), GROUPS[name].key_pair(_always(r))
    assert initiator.public == gix + giy
    assert responder.public == grx + gry
    assert initiator.shared(responder.public).reveal() == girx
    assert responder.shared(initiator.public).reveal() == girx


def test_x25519_example() -> None:
    # RFC 7748 section 6.1
    alice = GROUPS["x25519"].key_pair(
        _always(bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))
    )
    bob = GROUPS["x25519"].key_pair(
        _always(bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
    )
    assert alice.public.hex() == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    assert bob.public.hex() == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    secret = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    assert alice.shared(bob.public).reveal().hex() == secret
    assert bob.shared(alice.public).reveal().hex() == secret


def _refused(group: Group, public: bytes) -> set[str]:
    """The texts with which both implementations of a MODP group refuse, or the one of another group."""
    pairs = [group.key_pair(os.urandom)]
    if group in MODP:
        pairs.append(group.key_pair())
        assert {type(pair) for pair in pairs} == {groups._LibraryModp, groups._IntegerModp}
    texts = set()
    for pair in pairs:
        with pytest.raises(BadPublicValue) as refusal:
            pair.shared(public)
        texts.add(str(refusal.value))
    return texts


@pytest.mark.parametrize("which", ["0", "1", "p-1", "p", "p+1", "all ones"])
@pytest.mark.parametrize("group", MODP, ids=str)
def test_k01_values_outside_the_group(group: Group, which: str) -> None:
    prime = modp_prime(group.public_size * 8)
    ones = (1 << group.public_size * 8) - 1
    value = {"0": 0, "1": 1, "p-1": prime - 1, "p": prime, "p+1": prime + 1, "all ones": ones}[which]
    assert _refused(group, value.to_bytes(group.public_size)) == {
        f"KE holds a value outside 2..p-2 of {group.name}"
    }


@pytest.mark.parametrize("group", GROUPS.values(), ids=str)
def test_k02_wrong_sizes(group: Group) -> None:
    size = group.public_size
    good = group.key_pair(os.urandom).public
    for bad in (b"", b"\2", good[1:], good[:-1], b"\0" + good, good + b"\0", bytes(8000)):
        assert _refused(group, bad) == {f"KE has {len(bad)} octets, {group.name} wants {size}"}


@pytest.mark.parametrize("group", ECP, ids=str)
def test_k04_points_off_the_curve(group: Group) -> None:
    half = group.public_size // 2
    good = group.key_pair(os.urandom).public
    x, y = good[:half], good[half:]
    field = {"ecp256": 2**256 - 2**224 + 2**192 + 2**96 - 1, "ecp384": 2**384 - 2**128 - 2**96 + 2**32 - 1,
             "ecp521": 2**521 - 1}[group.name]  # fmt: skip
    off = (int.from_bytes(y) ^ 1).to_bytes(half)
    for bad in (
        bytes(group.public_size),
        x + off,
        y + x,
        x + bytes(half),
        bytes(half) + y,
        field.to_bytes(half) + y,
        x + field.to_bytes(half),
        b"\xff" * group.public_size,
        b"\4" + good[:-1],
    ):
        assert _refused(group, bad) == {f"KE is not a point of {group.name}"}
    # the other root is a point as well: the check is the curve's equation, not a comparison
    group.key_pair(os.urandom).shared(x + (field - int.from_bytes(y)).to_bytes(half))


@pytest.mark.parametrize("group", ECP, ids=str)
def test_k04_points_of_another_curve_of_the_size(group: Group) -> None:
    others = {"ecp256": ec.SECP256K1(), "ecp384": ec.BrainpoolP384R1(), "ecp521": ec.BrainpoolP512R1()}
    numbers = ec.generate_private_key(others[group.name]).public_key().public_numbers()
    half = group.public_size // 2
    bad = numbers.x.to_bytes(half) + numbers.y.to_bytes(half)
    assert _refused(group, bad) == {f"KE is not a point of {group.name}"}


# the points of order 1, 2, 4 and 8 and their other spellings (RFC 7748 section 7)
LOW_ORDER = [
    "00" * 32,
    "01" + "00" * 31,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


@pytest.mark.parametrize("digits", LOW_ORDER)
@pytest.mark.parametrize("top", [0, 0x80])
def test_k05_low_order_points(digits: str, top: int) -> None:
    public = bytearray(bytes.fromhex(digits))
    public[31] |= top
    assert _refused(GROUPS["x25519"], bytes(public)) == {"KE is a low-order point of x25519"}


@pytest.mark.parametrize("group", GROUPS.values(), ids=str)
def test_random_octets_give_a_secret_or_bad_public_value(group: Group) -> None:
    pair = group.key_pair(os.urandom)
    some = random.Random(group.number)
    for _ in range(4):
        public = some.randbytes(group.public_size)
        with contextlib.suppress(BadPublicValue):
            assert len(pair.shared(public)) > 0
