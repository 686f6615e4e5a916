"""ESP packets: known answers from RFCs and from strongSwan, round trips, and damage of every kind."""

import hashlib
import hmac
import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ikeview.crypto.esp import ESP_CIPHERS, INTEGRITIES
from ikeview.crypto.suites import EspSuite
from ikeview.dataplane.esp import packet as packet_module
from ikeview.dataplane.esp.packet import BadPacket, Forged, Opener, Sealer, split_trailer
from tests.support.packets import ipv4, ipv6

VECTORS = Path(__file__).parents[2] / "data" / "vectors"

SUITES = [name for name, cipher in ESP_CIPHERS.items() if cipher.aead] + [
    f"{name}-{integrity}" for name, cipher in ESP_CIPHERS.items() if not cipher.aead for integrity in INTEGRITIES
]
FEW = ["aes128gcm16", "aes256gcm8", "aes192ccm12", "aes256ccm16", "chacha20poly1305", "aes128-sha256", "3des-md5",
       "aes256ctr-sha256_96", "null-sha512"]  # fmt: skip
"""One of each kind."""


def keymat(suite: EspSuite) -> bytes:
    return bytes(range(1, suite.keymat_size + 1))


def open_whole(opener: Opener, packet: bytes) -> tuple[bytes, int]:
    opener.check_size(packet)
    return split_trailer(opener.uncover(packet))


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.json")), ids=lambda path: path.stem)
def test_known_answers(path: Path) -> None:
    """Every ESP packet that strongSwan sent opens, and sealing its content again gives the same octets."""
    recording = json.loads(path.read_text())
    words = recording["parameters"]["phase2"]
    suite = EspSuite.parse(words)
    keys: dict[str, list[bytes]] = {"initiator": [], "responder": []}
    for entry in recording["initiator_log"]:
        if found := re.fullmatch(r"encryption (initiator|responder) key", entry["what"]):
            keys[found[1]].append(bytes.fromhex(entry["hex"]))
        elif found := re.fullmatch(r"integrity (initiator|responder) key", entry["what"]):
            keys[found[1]][-1] += bytes.fromhex(entry["hex"])
    opened = 0
    for datagram in recording["datagrams"]:
        packet = bytes.fromhex(datagram["hex"])
        if datagram["source_port"] != "4500" or packet[:4] == bytes(4) or len(packet) < 20:
            continue
        sender = "initiator" if datagram["from"] == recording["parameters"]["initiator"] else "responder"
        spi, sequence = int.from_bytes(packet[:4]), int.from_bytes(packet[4:8])
        answers = []
        for keymat_found in keys[sender]:
            try:
                payload, next_header = open_whole(Opener(suite, suite.cut(keymat_found)), packet)
            except Forged:
                continue
            answers.append(keymat_found)
            assert next_header == 4
            assert payload[0] == 0x45
            assert int.from_bytes(payload[2:4]) == len(payload)
            iv = packet[8 : 8 + suite.cipher.iv_size]
            assert Sealer(spi, suite, suite.cut(keymat_found)).seal(sequence, payload, next_header, iv) == packet
        assert len(answers) == 1, "exactly one of the negotiated keys opens the packet"
        opened += 1
    assert opened == 4


def test_the_vectors_are_there() -> None:
    assert len(list(VECTORS.glob("*.json"))) == 9


def from_hex(text: str) -> bytes:
    return bytes.fromhex("".join(text.split()))


def test_chacha20poly1305_example() -> None:
    # RFC 7634 appendix A
    suite = EspSuite.parse("chacha20poly1305")
    inner = from_hex("""
        45000054 a6f20000 4001e778 c6336405 c0000205 08005b7a 3a080000 553bec10 00073627 08090a0b 0c0d0e0f 10111213
        14151617 18191a1b 1c1d1e1f 20212223 24252627 28292a2b 2c2d2e2f 30313233 34353637""")
    packet = from_hex("""
        01020304 00000005 10111213 14151617 24039428 b97f417e 3c13753a 4f05087b 67c352e6 a7fab1b9 82d466ef 407ae5c6
        14ee8099 d52844eb 61aa95df ab4c02f7 2aa71e7c 4c4f64c9 befe2fac c638e8f3 cbec163f ac469b50 2773f6fb 94e664da
        9165b828 29f641e0 76aaa826 6b7fb0f7 b11b3699 07e1ad43""")
    keys = suite.cut(bytes(range(0x80, 0xA4)))
    assert Sealer(0x01020304, suite, keys).seal(5, inner, 4, packet[8:16]) == packet
    assert open_whole(Opener(suite, keys), packet) == (inner, 4)


@pytest.mark.parametrize(
    ("key", "nonce", "iv", "plaintext", "ciphertext"),
    [
        # RFC 3686 section 6, test vectors 1, 2 and 7
        ("AE6852F8121067CC4BF7A5765577F39E", "00000030", "0000000000000000", b"Single block msg".hex(),
         "E4095D4FB7A7B3792D6175A3261311B8"),
        ("7E24067817FAE0D743D6CE1F32539163", "006CB6DB", "C0543B59DA48D90B", bytes(range(32)).hex(),
         "5104A106168A72D9790D41EE8EDAD388EB2E1EFC46DA57C8FCE630DF9141BE28"),
        ("776BEFF2851DB06F4C8A0542C8696F6C6A81AF1EEC96B4D37FC1D689E6C1C104", "00000060", "DB5672C97AA8F0B2",
         b"Single block msg".hex(), "145AD01DBF824EC7560863DC71E3E0C0"),
    ],
)  # fmt: skip
def test_counter_mode_examples(key: str, nonce: str, iv: str, plaintext: str, ciphertext: str) -> None:
    suite = EspSuite.parse(f"aes{len(key) * 4}ctr-sha1")
    transform = packet_module._transform(suite, suite.cut(bytes.fromhex(key + nonce) + bytes(20)))
    assert isinstance(transform, packet_module._Ctr)
    assert transform._encrypt(bytes.fromhex(iv), bytes.fromhex(plaintext)) == bytes.fromhex(ciphertext)
    assert transform._decrypt(bytes.fromhex(iv), bytes.fromhex(ciphertext)) == bytes.fromhex(plaintext)


def test_gcm_with_an_extended_sequence_number() -> None:
    # draft-mcgrew-gcm-test-01, the case with SPI 42f67e3f
    suite = EspSuite.parse("aes128gcm16-esn")
    keys = suite.cut(from_hex("3de09874b388e6491988d0c3607eae1f 57690e43"))
    inner = from_hex("""
        4500003c 99c30000 8001cb7c 40679318 01010101 0800085c 02004300 61626364 65666768 696a6b6c 6d6e6f70 71727374
        75767761 62636465 66676869""")
    packet = from_hex("""
        42f67e3f 10101010 4e280000 a2fca1a3 fba2caa4 853cf9f0 f22cb10d 86dd83b0 fec75691 cf1a04b0 0d1138ec 9c357917
        65acbd87 01ad7984 5bf9fe3f ba487bc9 1755e666 2b4c8d0d 1f5e2273 9530320a e0d731cc 978ecafa eae88f00 e80d6e48""")
    assert Sealer(0x42F67E3F, suite, keys).seal(0x1010101010101010, inner, 1, packet[8:16]) == packet
    opener = Opener(suite, keys)
    assert split_trailer(opener.uncover(packet, b"\x10\x10\x10\x10")) == (inner, 1)
    for wrong in (b"\x10\x10\x10\x11", bytes(4), b""):
        with pytest.raises(Forged):
            opener.uncover(packet, wrong)


def _ecb(key: bytes, block: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=False))


def _ccm(key: bytes, nonce: bytes, additional: bytes, plaintext: bytes, icv_size: int) -> bytes:
    """CCM in single blocks (RFC 3610 section 2), for the nonce of 11 octets that RFC 4309 has: lengths are of 4."""
    flags = 64 + 8 * ((icv_size - 2) // 2) + 3
    blocks = bytes((flags,)) + nonce + len(plaintext).to_bytes(4)
    for part in (len(additional).to_bytes(2) + additional, plaintext):
        blocks += part + bytes(-len(part) % 16)
    mac = bytes(16)
    for at in range(0, len(blocks), 16):
        mac = _ecb(key, _xor(mac, blocks[at : at + 16]))
    stream = b"".join(_ecb(key, b"\x03" + nonce + n.to_bytes(4)) for n in range(len(plaintext) // 16 + 2))
    return _xor(plaintext, stream[16:]) + _xor(mac, stream)[:icv_size]


@pytest.mark.parametrize("bits", [128, 192, 256])
@pytest.mark.parametrize("icv_size", [8, 12, 16])
@pytest.mark.parametrize("esn", ["", "-esn"])
def test_ccm_as_it_is_defined(bits: int, icv_size: int, esn: str) -> None:
    suite = EspSuite.parse(f"aes{bits}ccm{icv_size}{esn}")
    material = keymat(suite)
    key, salt = material[:-3], material[-3:]
    inner = ipv4("10.1.0.1", "10.2.0.1", 61)
    sequence = 0x0102030405060708 if esn else 0x05060708
    iv = bytes.fromhex("a0a1a2a3a4a5a6a7")
    spi = bytes.fromhex("c0ffee01")
    trailer = b"\x01\x01\x04"
    additional = spi + sequence.to_bytes(8 if esn else 4)
    protected = _ccm(key, salt + iv, additional, inner + trailer, icv_size)
    packet = Sealer(0xC0FFEE01, suite, suite.cut(material)).seal(sequence, inner, 4, iv)
    assert packet == spi + bytes.fromhex("05060708") + iv + protected


@pytest.mark.parametrize("words", [name for name in SUITES if "-" in name])
@pytest.mark.parametrize("esn", ["", "-esn"])
def test_hmac_covers_the_packet_and_the_high_half(words: str, esn: str) -> None:
    suite = EspSuite.parse(words + esn)
    keys = suite.cut(keymat(suite))
    assert suite.integrity is not None
    size = suite.integrity.icv_size
    packet = Sealer(0xC0FFEE01, suite, keys).seal(0x0A0B0C0D_00000007, ipv4("10.1.0.1", "10.2.0.1"), 4)
    assert packet[:8] == bytes.fromhex("c0ffee0100000007")
    hashed = packet[:-size] + (bytes.fromhex("0a0b0c0d") if esn else b"")
    name = {"sha256_96": "sha256"}.get(suite.integrity.name, suite.integrity.name)
    assert packet[-size:] == hmac.new(keys.integrity.reveal(), hashed, getattr(hashlib, name)).digest()[:size]


def test_null_hides_nothing() -> None:
    suite = EspSuite.parse("null-sha256")
    packet = Sealer(0xC0FFEE01, suite, suite.cut(keymat(suite))).seal(1, b"inner packet", 4)
    assert packet[8:-16] == b"inner packet" + b"\x01\x02\x02\x04"


def test_no_cipher_without_integrity() -> None:
    null = EspSuite(ESP_CIPHERS["null"], None, None)
    with pytest.raises(ValueError, match="needs an integrity algorithm"):
        Opener(null, null.cut(b""))


@pytest.mark.parametrize("words", FEW)
def test_the_high_half_is_authentic(words: str) -> None:
    suite = EspSuite.parse(words + "-esn")
    keys = suite.cut(keymat(suite))
    inner = ipv4("10.1.0.1", "10.2.0.1", 30)
    packet = Sealer(1000, suite, keys).seal(5 * 2**32 + 7, inner, 4)
    opener = Opener(suite, keys)
    assert split_trailer(opener.uncover(packet, (5).to_bytes(4))) == (inner, 4)
    for other in (4, 6, 0, 2**32 - 1):
        with pytest.raises(Forged):
            opener.uncover(packet, other.to_bytes(4))
    plain = EspSuite.parse(words)
    with pytest.raises(Forged):
        Opener(plain, keys).uncover(packet)


@pytest.mark.parametrize("words", SUITES)
@pytest.mark.parametrize("size", [0, 1, 2, 13, 14, 15, 16, 1362])
@pytest.mark.parametrize("version", [4, 6])
def test_round_trip(words: str, size: int, version: int) -> None:
    suite = EspSuite.parse(words)
    keys = suite.cut(keymat(suite))
    inner = ipv4("10.1.0.1", "10.2.0.1", size) if version == 4 else ipv6("fd01::1", "fd02::1", size)
    packet = Sealer(0xC0FFEE01, suite, keys).seal(7, inner, 4 if version == 4 else 41)
    assert packet[:8] == bytes.fromhex("c0ffee0100000007")
    icv = suite.integrity.icv_size if suite.integrity else suite.cipher.icv_size
    assert (len(packet) - 8 - suite.cipher.iv_size - icv) % suite.cipher.block_size == 0
    assert open_whole(Opener(suite, keys), packet) == (inner, 4 if version == 4 else 41)


@pytest.mark.parametrize("words", [name for name in SUITES if "null" not in name])
def test_no_iv_twice(words: str) -> None:
    suite = EspSuite.parse(words)
    sealer = Sealer(1000, suite, suite.cut(keymat(suite)))
    ivs = [sealer.seal(number, b"x", 4)[8 : 8 + suite.cipher.iv_size] for number in range(1, 50)]
    assert len(set(ivs)) == len(ivs)
    if suite.cipher.salt_size:
        assert ivs == [number.to_bytes(8) for number in range(1, 50)]


@pytest.mark.parametrize("words", FEW)
def test_truncated_at_every_length(words: str) -> None:
    suite = EspSuite.parse(words)
    keys = suite.cut(keymat(suite))
    opener = Opener(suite, keys)
    packet = Sealer(1000, suite, keys).seal(1, ipv4("10.1.0.1", "10.2.0.1", 30), 4)
    for length in range(8, len(packet)):
        with pytest.raises((BadPacket, Forged)):
            open_whole(opener, packet[:length])


@pytest.mark.parametrize("words", FEW)
def test_every_octet_is_authentic(words: str) -> None:
    suite = EspSuite.parse(words)
    keys = suite.cut(keymat(suite))
    opener = Opener(suite, keys)
    packet = Sealer(1000, suite, keys).seal(1, ipv4("10.1.0.1", "10.2.0.1", 30), 4)
    for position in range(len(packet)):
        changed = bytearray(packet)
        changed[position] ^= 0x40
        with pytest.raises(Forged):
            open_whole(opener, bytes(changed))


@pytest.mark.parametrize("trailer", [b"\x01\x04", b"\x02\x01\x02\x04", b"\x01\x02\x04\x03\x04", b"\xff\x04"])
def test_wrong_padding(trailer: bytes) -> None:
    with pytest.raises(BadPacket):
        split_trailer(b"\0\0" + trailer)


def test_longest_padding() -> None:
    padding = bytes(range(1, 256))
    assert split_trailer(b"inner" + padding + b"\xff\x04") == (b"inner", 4)
    assert split_trailer(padding + b"\xff\x3b") == (b"", 59)
