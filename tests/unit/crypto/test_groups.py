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
    # RFC 2409 section 6, RFC 3526, RFC 5903 section 7, RFC 5114 section 3, RFC 6954 section 2, RFC 8031 section 2
    assert {group.number: (group.name, group.public_size) for group in GROUPS.values()} == {
        1: ("modp768", 96), 2: ("modp1024", 128), 5: ("modp1536", 192), 14: ("modp2048", 256), 15: ("modp3072", 384),
        16: ("modp4096", 512), 17: ("modp6144", 768), 18: ("modp8192", 1024), 19: ("ecp256", 64), 20: ("ecp384", 96),
        21: ("ecp521", 132), 25: ("ecp192", 48), 26: ("ecp224", 56), 28: ("ecp256bp", 64), 29: ("ecp384bp", 96),
        30: ("ecp512bp", 128), 31: ("x25519", 32), 32: ("x448", 56),
    }  # fmt: skip
    assert {number: group.name for number, group in GROUPS_BY_NUMBER.items()} == {
        group.number: group.name for group in GROUPS.values()
    }
    assert {group.name for group in GROUPS.values() if group.weak} == {
        "modp768", "modp1024", "modp1536", "ecp192", "ecp224",
    }  # fmt: skip
    assert str(GROUPS["modp2048"]) == "Group(modp2048)"


@pytest.mark.parametrize("group", GROUPS.values(), ids=str)
def test_two_sides_agree(group: Group) -> None:
    one, other = group.key_pair(), group.key_pair(os.urandom)
    assert one.group is group
    assert len(one.public) == len(other.public) == group.public_size
    assert one.public != other.public
    assert one.shared(other.public) == other.shared(one.public)
    size = group.public_size // 2 if group in ECP else group.public_size
    assert len(one.shared(other.public)) == size


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


# RFC 5903 section 8, RFC 5114 appendix A and RFC 6932 appendix A: i, gix, giy, r, grx, gry, girx
EXAMPLES = {
    "ecp192": (
        "323FA316 9D8E9C65 93F59476 BC142000 AB5BE0E2 49C43426",
        "CD46489E CFD6C105 E7B3D325 66E2B122 E249ABAA DD870612",
        "68887B48 77DF51DD 4DC3D6FD 11F0A26F 8FD38443 17916E9A",
        "631F95BB 4A67632C 9C476EEE 9AB695AB 240A0499 307FCF62",
        "519A1216 80E00454 66BA21DF 2EEE47F5 973B5005 77EF13D5",
        "FF613AB4 D64CEE3A 20875BDB 10F953F6 B30CA072 C60AA57F",
        "AD420182 633F8526 BFE954AC DA376F05 E5FF4F83 7F54FEBE",
    ),
    "ecp224": (
        "B558EB6C 288DA707 BBB4F8FB AE2AB9E9 CB62E3BC 5C7573E2 2E26D37F",
        "49DFEF30 9F81488C 304CFF5A B3EE5A21 54367DC7 833150E0 A51F3EEB",
        "4F2B5EE4 5762C4F6 54C1A0C6 7F54CF88 B016B51B CE3D7C22 8D57ADB4",
        "AC3B1ADD 3D9770E6 F6A708EE 9F3B8E0A B3B480E9 F27F85C8 8B5E6D18",
        "6B3AC96A 8D0CDE6A 5599BE80 32EDF10C 162D0A8A D219506D CD42A207",
        "D491BE99 C213A7D1 CA3706DE BFE305F3 61AFCBB3 3E2609C8 B1618AD5",
        "52272F50 F46F4EDC 91515690 92F46DF2 D96ECC3B 6DC1714A 4EA949FA",
    ),
    "ecp256bp": (
        "041EB8B1 E2BC681B CE8E3996 3B2E9FC4 15B05283 313DD1A8 BCC055F1 1AE49699",
        "78028496 B5ECAAB3 C8B6C12E 45DB1E02 C9E4D26B 4113BC4F 015F60C5 CCC0D206",
        "A2AE1762 A3831C1D 20F03F8D 1E3C0C39 AFE6F09B 4D44BBE8 0CD10098 7B05F92B",
        "06F5240E ACDB9837 BC96D482 74C8AA83 4B6C87BA 9CC3EEDD 81F99A16 B8D804D3",
        "8E07E219 BA588916 C5B06AA3 0A2F464C 2F2ACFC1 610A3BE2 FB240B63 5341F0DB",
        "148EA1D7 D1E7E54B 9555B6C9 AC90629C 18B63BEE 5D7AA694 9EBBF47B 24FDE40D",
        "05E94091 5549E9F6 A4A75693 716E3746 6ABA79B4 BF291987 7A16DD2C C2E23708",
    ),
    "ecp384bp": (
        "014EC075 5B78594B A47FB0A5 6F617304 5B4331E7 4BA1A6F4 7322E70D 79D828D9 7E095884 CA72B73F DABD5910 DF0FA76A",
        "45CB26E4 384DAF6F B7768853 07B9A38B 7AD1B5C6 92E0C32F 01253327 78F3B8D3 F50CA358 099B30DE B5EE69A9 5C058B4E",
        "8173A1C5 4AFFA7E7 81D0E1E1 D12C0DC2 B74F4DF5 8E4A4E3A F7026C5D 32DC530A 2CD89C85 9BB4B4B7 68497F49 AB8CC859",
        "6B461CB7 9BD0EA51 9A87D682 8815D8CE 7CD9B3CA A0B5A826 2CBCD550 A015C900 95B976F3 52995750 6E1224A8 61711D54",
        "01BF92A9 2EE4BE8D ED1A9111 25C209B0 3F99E316 1CFCC986 DC771138 3FC30AF9 CE28CA33 86D59E2C 8D72CE1E 7B4666E8",
        "3289C4A3 A4FEE035 E39BDB88 5D509D22 4A142FF9 FBCC5CFE 5CCBB302 68EE4748 7ED80448 58D31D84 8F7A95C6 35A347AC",
        "04CC4FF3 DCCCB07A F24E0ACC 529955B3 6D7C8077 72B92FCB E48F3AFE 9A2F370A 1F98D3FA 73FD0C07 47C632E1 2F1423EC",
    ),
    "ecp512bp": (
        """636B6BE0 482A6C1C 41AA7AE7 B245E983 392DB94C ECEA2660 A379CFE1 59559E35 75818253 91175FC1 95D28BAC 0CF03A78
        41A383B9 5C262B98 3782874C CE6FE333""",
        """0562E68B 9AF7CBFD 5565C6B1 6883B777 FF11C199 161ECC42 7A39D17E C2166499 389571D6 A994977C 56AD8252 658BA8A1
        B72AE42F 4FB75321 51AFC3EF 0971CCDA""",
        """A7CA2D81 91E21776 A89860AF BC1F582F AA308D55 1C1DC613 3AF9F9C3 CAD59998 D7007954 8140B90B 1F311AFB 378AA81F
        51B275B2 BE6B7DEE 978EFC73 43EA642E""",
        """0AF4E7F6 D52EDD52 907BB8DB AB3992A0 BB696EC1 0DF11892 FF205B66 D381ECE7 2314E6A6 EA079CEA 06961DBA 5AE6422E
        F2E9EE80 3A1F236F B96A1799 B86E5C8B""",
        """5A7954E3 2663DFF1 1AE24712 D87419F2 6B708AC2 B92877D6 BFEE2BFC 43714D89 BBDB6D24 D807BBD3 AEB7F0C3 25F862E8
        BADE4F74 636B97EA ACE739E1 1720D323""",
        """96D14621 A9283A1B ED84DE8D D64836B2 C0758B11 441179DC 0C54C0D4 9A47C038 07D171DD 544B72CA AEF7B7CE 01C7753E
        2CAD1A86 1ECA55A7 1954EE1B A35E04BE""",
        """1EE8321A 4BBF93B9 CF8921AB 209850EC 9B7066D1 984EF08C 2BB72323 6208AC8F 1A483E79 461A00E0 D5F6921C E9D36050
        2F85C812 BEDEE23A C5B210E5 811B191E""",
    ),
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


def test_x448_example() -> None:
    # RFC 7748 section 6.2
    alice = GROUPS["x448"].key_pair(_always(bytes.fromhex(
        "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b"
    )))  # fmt: skip
    bob = GROUPS["x448"].key_pair(_always(bytes.fromhex(
        "1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d6927c120bb5ee8972b0d3e21374c9c921b09d1b0366f10b65173992d"
    )))  # fmt: skip
    assert alice.public.hex() == (
        "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bbc836647241d953d40c5b12da88120d53177f80e532c41fa0"
    )
    assert bob.public.hex() == (
        "3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609"
    )
    secret = (
        "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56fd2464c335543936521c24403085d59a449a5037514a879d"
    )
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


FIELDS = {
    "ecp192": 2**192 - 2**64 - 1,
    "ecp224": 2**224 - 2**96 + 1,
    "ecp256": 2**256 - 2**224 + 2**192 + 2**96 - 1,
    "ecp384": 2**384 - 2**128 - 2**96 + 2**32 - 1,
    "ecp521": 2**521 - 1,
    # RFC 5639 section 3
    "ecp256bp": 0xA9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377,
    "ecp384bp": 0x8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B412B1DA197FB71123ACD3A729901D1A71874700133107EC53,
    "ecp512bp": int(
        "AADD9DB8DBE9C48B3FD4E6AE33C9FC07CB308DB3B3C9D20ED6639CCA70330871"
        "7D4D9B009BC66842AECDA12AE6A380E62881FF2F2D82C68528AA6056583A48F3", 16
    ),
}  # fmt: skip


@pytest.mark.parametrize("group", ECP, ids=str)
def test_k04_points_off_the_curve(group: Group) -> None:
    half = group.public_size // 2
    good = group.key_pair(os.urandom).public
    x, y = good[:half], good[half:]
    field = FIELDS[group.name]
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


OTHERS = {
    "ecp224": ec.SECP192R1(), "ecp256": ec.SECP256K1(), "ecp384": ec.BrainpoolP384R1(), "ecp521": ec.BrainpoolP512R1(),
    "ecp256bp": ec.SECP256R1(), "ecp384bp": ec.SECP384R1(), "ecp512bp": ec.SECP384R1(),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_k04_points_of_another_curve_of_the_size_or_less(name: str) -> None:
    group = GROUPS[name]
    numbers = ec.generate_private_key(OTHERS[name]).public_key().public_numbers()
    half = group.public_size // 2
    bad = numbers.x.to_bytes(half) + numbers.y.to_bytes(half)
    assert _refused(group, bad) == {f"KE is not a point of {name}"}


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


# the same of curve448: 0, 1 and -1, and 0 and 1 with the prime added
@pytest.mark.parametrize("value", [0, 1, -1, 2**448 - 2**224 - 1, 2**448 - 2**224])
def test_k05_low_order_points_of_x448(value: int) -> None:
    prime = 2**448 - 2**224 - 1
    public = (value if value >= 0 else prime + value).to_bytes(56, "little")
    assert _refused(GROUPS["x448"], public) == {"KE is a low-order point of x448"}


@pytest.mark.parametrize("group", GROUPS.values(), ids=str)
def test_random_octets_give_a_secret_or_bad_public_value(group: Group) -> None:
    pair = group.key_pair(os.urandom)
    some = random.Random(group.number)
    for _ in range(4):
        public = some.randbytes(group.public_size)
        with contextlib.suppress(BadPublicValue):
            assert len(pair.shared(public)) > 0
