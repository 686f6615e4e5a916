"""Proposals by name: what is taken, what is refused and with which words, and how KEYMAT is cut."""

import itertools

import pytest

from ikeview.crypto.ciphers import CIPHERS
from ikeview.crypto.esp import ESP_CIPHERS, INTEGRITIES
from ikeview.crypto.groups import GROUPS, Group
from ikeview.crypto.hashes import HASHES
from ikeview.crypto.suites import BadProposal, EspSuite, Phase1Suite


def test_every_phase_1_suite_comes_back() -> None:
    for cipher, hash_, group in itertools.product(CIPHERS.values(), HASHES.values(), GROUPS.values()):
        text = f"{cipher.name}-{hash_.name}-{group.name}"
        suite = Phase1Suite.parse(text)
        assert suite == Phase1Suite(cipher, hash_, group)
        assert str(suite) == text
        assert Phase1Suite.parse(f" {group.name}-{cipher.name}-{hash_.name}\n".upper()) == suite


def test_every_esp_suite_comes_back() -> None:
    count = 0
    for cipher, group, esn in itertools.product(ESP_CIPHERS.values(), [None, *GROUPS.values()], [False, True]):
        for integrity in [None] if cipher.aead else INTEGRITIES.values():
            names = [each.name for each in (cipher, integrity, group) if each is not None]
            text = "-".join([*names, "esn"] if esn else names)
            suite = EspSuite.parse(text)
            assert suite == EspSuite(cipher, integrity, group, esn)
            assert str(suite) == text
            assert EspSuite.parse("-".join(reversed(text.split("-")))) == suite
            count += 1
    # CBC, CTR and NULL with each integrity, 9 GCM, 9 CCM and ChaCha20; 18 groups or none
    assert count == (8 * 6 + 19) * 19 * 2


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("aes-sha-group2", "aes128-sha1-modp1024"),
        ("aes256-sha2_256-group14", "aes256-sha256-modp2048"),
        ("aes256-sha2_384-group20", "aes256-sha384-ecp384"),
        ("aes256-sha2_512-curve25519", "aes256-sha512-x25519"),
        ("3DES-MD5-Group1", "3des-md5-modp768"),
        ("aes256-sha256-curve448", "aes256-sha256-x448"),
        ("aes256-sha384-group29", "aes256-sha384-ecp384bp"),
    ],
)
def test_phase_1_aliases(text: str, name: str) -> None:
    assert str(Phase1Suite.parse(text)) == name


@pytest.mark.parametrize("group", GROUPS.values(), ids=str)
def test_groups_by_number(group: Group) -> None:
    assert Phase1Suite.parse(f"aes128-sha256-group{group.number}").group is group


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("aes128gcm", "aes128gcm16"),
        ("aes192gcm-group31", "aes192gcm16-x25519"),
        ("aes256gcm", "aes256gcm16"),
        ("aes-sha", "aes128-sha1"),
        ("aes256ccm", "aes256ccm16"),
        ("aes128ccm64", "aes128ccm8"),
        ("aes192gcm96", "aes192gcm12"),
        ("aes256gcm128-noesn", "aes256gcm16"),
        ("esn-aes128ctr-sha2_256_96", "aes128ctr-sha256_96-esn"),
        ("NULL-SHA256", "null-sha256"),
    ],
)
def test_esp_aliases(text: str, name: str) -> None:
    assert str(EspSuite.parse(text)) == name


PHASE_1_ERRORS = [
    ("aes256-sha256-modp2084", "unknown algorithm 'modp2084' in 'aes256-sha256-modp2084', did you mean modp2048?"),
    ("aes265-sha256-modp2048", "unknown algorithm 'aes265' in 'aes265-sha256-modp2048', did you mean aes256?"),
    ("aes256-sha256-modp2048-aes128",
     "'aes256-sha256-modp2048-aes128' names two algorithms of one kind: 'aes128' is one too many"),
    ("aes256-md5-sha1-modp2048", "'aes256-md5-sha1-modp2048' names two algorithms of one kind: 'sha1' is one too many"),
    ("aes256-sha1-modp2048-modp2048",
     "'aes256-sha1-modp2048-modp2048' names two algorithms of one kind: 'modp2048' is one too many"),
    ("aes256-modp2048", "'aes256-modp2048' lacks a hash; complete is for example aes256-sha256-modp2048"),
    ("sha256", "'sha256' lacks a cipher and a group; complete is for example aes256-sha256-modp2048"),
    ("aes256", "'aes256' lacks a hash and a group; complete is for example aes256-sha256-modp2048"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "error"), PHASE_1_ERRORS)
def test_phase_1_errors(text: str, error: str) -> None:
    with pytest.raises(BadProposal) as refusal:
        Phase1Suite.parse(text)
    assert str(refusal.value) == error


@pytest.mark.parametrize(
    "text", ["", "-", "aes256--modp2048", "aes256_sha256_modp2048!", "group0", "group99999", "\x1b[2J"]
)
def test_what_is_like_no_word_lists_the_known_ones(text: str) -> None:
    for parse, names in ((Phase1Suite.parse, {*CIPHERS, *HASHES}), (EspSuite.parse, {*ESP_CIPHERS, *INTEGRITIES})):
        with pytest.raises(BadProposal) as refusal:
            parse(text)
        said = str(refusal.value)
        assert said.startswith("unknown algorithm ")
        assert "\x1b" not in said
        assert "did you mean" in said or all(name in said for name in {*names, *GROUPS})


ESP_ERRORS = [
    ("sha256", "'sha256' lacks a cipher; complete is for example aes256-sha256-modp2048"),
    ("aes256gcm16-sha256", "'aes256gcm16-sha256': aes256gcm16 authenticates by itself, leave sha256 out"),
    ("aes256-modp2048", "'aes256-modp2048' lacks an integrity algorithm, for example aes256-sha256"),
    ("aes256-sha256-sha1", "'aes256-sha256-sha1' names two algorithms of one kind: 'sha1' is one too many"),
    ("aes256-aes128gcm16", "'aes256-aes128gcm16' names two algorithms of one kind: 'aes128gcm16' is one too many"),
    ("aes256-sha256-esn-noesn", "'aes256-sha256-esn-noesn' names two algorithms of one kind: 'noesn' is one too many"),
    ("null", "'null' lacks an integrity algorithm, for example null-sha256"),
    ("null-modp2048", "'null-modp2048' lacks an integrity algorithm, for example null-sha256"),
    ("aes128ctr", "'aes128ctr' lacks an integrity algorithm, for example aes128ctr-sha256"),
    ("chacha20poly1305-sha256",
     "'chacha20poly1305-sha256': chacha20poly1305 authenticates by itself, leave sha256 out"),
    ("aes256-sha256-ecp224bp",
     "'ecp224bp' in 'aes256-sha256-ecp224bp' cannot be had: the library has no such curve; take ecp256bp"),
    ("aes256-sha256-group24", "'group24' in 'aes256-sha256-group24' cannot be had: its prime may hide a trapdoor (RFC"
     " 8247: must not be used); take modp2048"),
    ("aes256-sha265", "unknown algorithm 'sha265' in 'aes256-sha265', did you mean sha256?"),
]


@pytest.mark.parametrize(("text", "error"), ESP_ERRORS)
def test_esp_errors(text: str, error: str) -> None:
    with pytest.raises(BadProposal) as refusal:
        EspSuite.parse(text)
    assert str(refusal.value) == error


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        # encryption key, salt, integrity key (RFC 3602 section 2, RFC 4106 section 8.1, RFC 2403, 2404, 4868)
        ("3des-md5", (24, 0, 16)),
        ("3des-sha1", (24, 0, 20)),
        ("aes128-sha1", (16, 0, 20)),
        ("aes192-sha384", (24, 0, 48)),
        ("aes256-sha256", (32, 0, 32)),
        ("aes256-sha512-modp2048", (32, 0, 64)),
        ("aes128gcm8", (16, 4, 0)),
        ("aes192gcm12", (24, 4, 0)),
        ("aes256gcm16-ecp384", (32, 4, 0)),
        # RFC 3686 section 5.1, RFC 4309 section 7.1, RFC 7634 section 2, RFC 2410 section 2.1
        ("aes128ctr-sha256", (16, 4, 32)),
        ("aes256ctr-sha256_96-esn", (32, 4, 32)),
        ("aes128ccm8", (16, 3, 0)),
        ("aes256ccm16-modp2048", (32, 3, 0)),
        ("chacha20poly1305-esn", (32, 4, 0)),
        ("null-sha1", (0, 0, 20)),
    ],
)
def test_cut(text: str, sizes: tuple[int, int, int]) -> None:
    suite = EspSuite.parse(text)
    assert suite.keymat_size == sum(sizes)
    keymat = bytes(range(suite.keymat_size))
    keys = suite.cut(keymat + b"not taken")
    assert (len(keys.encryption), len(keys.salt), len(keys.integrity)) == sizes
    assert keys.encryption.reveal() + keys.salt.reveal() + keys.integrity.reveal() == keymat


def test_every_cut_takes_all_of_keymat() -> None:
    for cipher in ESP_CIPHERS.values():
        for integrity in [None] if cipher.aead else INTEGRITIES.values():
            suite = EspSuite(cipher, integrity, None)
            keys = suite.cut(bytes(suite.keymat_size))
            assert len(keys.encryption) + len(keys.salt) + len(keys.integrity) == suite.keymat_size


def test_weak_parts_are_named() -> None:
    assert len(Phase1Suite.parse("3des-md5-modp768").weak) == 3
    assert Phase1Suite.parse("aes256-sha256-modp2048").weak == ()
    assert len(EspSuite.parse("3des-sha1-modp1024").weak) == 3
    assert EspSuite.parse("aes256gcm16").weak == ()
    assert "everybody on the way can read along" in EspSuite.parse("null-sha256").weak[0]
    assert "only for old peers" in EspSuite.parse("aes256-sha256_96").weak[0]


def test_phase_1_knows_no_words_of_esp() -> None:
    for word in ("esn", "null", "aes128ctr", "chacha20poly1305", "sha256_96"):
        with pytest.raises(BadProposal, match=f"unknown algorithm '{word}'"):
            Phase1Suite.parse(f"aes256-sha256-modp2048-{word}")


def test_two_integrities_that_look_the_same_on_the_wire() -> None:
    whole, cut = INTEGRITIES["sha256"], INTEGRITIES["sha256_96"]
    assert (whole.attribute_id, whole.key_size, whole.hash_name) == (cut.attribute_id, cut.key_size, cut.hash_name)
    assert EspSuite.parse("aes256-sha256") != EspSuite.parse("aes256-sha256_96")
    # who looks one up by its number finds the standard's first
    assert next(each for each in INTEGRITIES.values() if each.attribute_id == 5) is whole


def test_numbers() -> None:
    # RFC 2407 sections 4.4.4 and 4.5, RFC 3602, RFC 4106, IANA's isakmp-registry; integrity also RFC 4868
    assert {each.name: (each.transform_id, each.key_length, each.icv_size) for each in ESP_CIPHERS.values()} == {
        "3des": (3, 0, 0),
        **{f"aes{bits}": (12, bits, 0) for bits in (128, 192, 256)},
        **{f"aes{bits}gcm8": (18, bits, 8) for bits in (128, 192, 256)},
        **{f"aes{bits}gcm12": (19, bits, 12) for bits in (128, 192, 256)},
        **{f"aes{bits}gcm16": (20, bits, 16) for bits in (128, 192, 256)},
        **{f"aes{bits}ccm8": (14, bits, 8) for bits in (128, 192, 256)},
        **{f"aes{bits}ccm12": (15, bits, 12) for bits in (128, 192, 256)},
        **{f"aes{bits}ccm16": (16, bits, 16) for bits in (128, 192, 256)},
        **{f"aes{bits}ctr": (13, bits, 0) for bits in (128, 192, 256)},
        "chacha20poly1305": (28, 0, 16),
        "null": (11, 0, 0),
    }
    assert {each.name: (each.attribute_id, each.key_size, each.icv_size) for each in INTEGRITIES.values()} == {
        "md5": (1, 16, 12), "sha1": (2, 20, 12), "sha256": (5, 32, 16), "sha256_96": (5, 32, 12), "sha384": (6, 48, 24),
        "sha512": (7, 64, 32),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "esn", "name"),
    [
        ("aes256gcm16-modp2048-esn", True, "aes256gcm16-modp2048-esn"),
        ("esn-aes128-sha256", True, "aes128-sha256-esn"),
        ("aes128-sha256-noesn", False, "aes128-sha256"),
        ("aes128-sha256", False, "aes128-sha256"),
    ],
)
def test_extended_sequence_numbers_are_a_word(text: str, esn: bool, name: str) -> None:
    suite = EspSuite.parse(text)
    assert suite.esn is esn
    assert str(suite) == name
    assert EspSuite.parse(name) == suite


@pytest.mark.parametrize("text", ["aes128-sha256-esn-noesn", "aes128-sha256-esn-esn"])
def test_extended_sequence_numbers_are_said_once(text: str) -> None:
    with pytest.raises(BadProposal, match="is one too many"):
        EspSuite.parse(text)
