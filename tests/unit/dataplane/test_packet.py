"""ESP packets: known answers from strongSwan, round trips, and damage of every kind."""

import json
import re
from pathlib import Path

import pytest

from ikeview.crypto.esp import ESP_CIPHERS, INTEGRITIES
from ikeview.crypto.suites import EspSuite
from ikeview.dataplane.esp.packet import BadPacket, Forged, Opener, Sealer, split_trailer
from tests.support.packets import ipv4, ipv6

VECTORS = Path(__file__).parents[2] / "data" / "vectors"

SUITES = [name for name, cipher in ESP_CIPHERS.items() if cipher.aead] + [
    f"{name}-{integrity}" for name, cipher in ESP_CIPHERS.items() if not cipher.aead for integrity in INTEGRITIES
]


def keymat(suite: EspSuite) -> bytes:
    return bytes(range(1, suite.keymat_size + 1))


def open_whole(opener: Opener, packet: bytes) -> tuple[bytes, int]:
    opener.check_size(packet)
    return split_trailer(opener.uncover(packet))


# one recording uses AES-CTR, which ikeview does not have
UNKNOWN_ALGORITHM = {"main-psk-aes192-sha384-x25519": "aes128ctr"}


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.json")), ids=lambda path: path.stem)
def test_known_answers(path: Path) -> None:
    """Every ESP packet that strongSwan sent opens, and sealing its content again gives the same octets."""
    recording = json.loads(path.read_text())
    words = recording["parameters"]["phase2"]
    if path.stem in UNKNOWN_ALGORITHM:
        assert UNKNOWN_ALGORITHM[path.stem] in words
        with pytest.raises(ValueError, match="aes128ctr"):
            EspSuite.parse(words)
        return
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


@pytest.mark.parametrize("words", SUITES)
def test_no_iv_twice(words: str) -> None:
    suite = EspSuite.parse(words)
    sealer = Sealer(1000, suite, suite.cut(keymat(suite)))
    ivs = [sealer.seal(number, b"x", 4)[8 : 8 + suite.cipher.iv_size] for number in range(1, 50)]
    assert len(set(ivs)) == len(ivs)
    if suite.cipher.aead:
        assert ivs == [number.to_bytes(8) for number in range(1, 50)]


@pytest.mark.parametrize("words", SUITES)
def test_truncated_at_every_length(words: str) -> None:
    suite = EspSuite.parse(words)
    keys = suite.cut(keymat(suite))
    opener = Opener(suite, keys)
    packet = Sealer(1000, suite, keys).seal(1, ipv4("10.1.0.1", "10.2.0.1", 30), 4)
    for length in range(8, len(packet)):
        with pytest.raises((BadPacket, Forged)):
            open_whole(opener, packet[:length])


@pytest.mark.parametrize("words", SUITES)
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
