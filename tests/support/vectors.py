"""The negotiations of a foreign stack in ``tests/data/vectors``, with the key log of their initiator."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "data" / "vectors"
NAT_PORT = 4500
NON_ESP_MARKER = bytes(4)
"""RFC 3948 section 2.2."""
FRAGMENT = 132
"""The payload type of IKE fragments in IKEv1, a vendor's extension."""


@dataclass(frozen=True, slots=True)
class Datagram:
    """One UDP payload as sent; ``source`` is the address of its sender."""

    source: str
    source_port: int
    destination_port: int
    raw: bytes

    @property
    def is_esp(self) -> bool:
        """Whether it is ESP in UDP: on the NAT port and without the marker."""
        return NAT_PORT in (self.source_port, self.destination_port) and not self.raw.startswith(NON_ESP_MARKER)

    @property
    def message(self) -> bytes:
        """The ISAKMP message, without the non-ESP marker; ``ValueError`` for ESP."""
        if self.is_esp:
            raise ValueError("this datagram is ESP")
        floated = NAT_PORT in (self.source_port, self.destination_port)
        return self.raw[len(NON_ESP_MARKER) :] if floated else self.raw

    @property
    def encrypted(self) -> bool:
        """Whether an ISAKMP message has the flag Encryption (RFC 2408 section 3.1)."""
        return bool(self.message[19] & 1)


@dataclass(frozen=True, slots=True)
class Log:
    """What the initiator logged, in order."""

    entries: tuple[tuple[str, bytes], ...]

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        return iter(self.entries)

    def all(self, what: str) -> list[bytes]:
        """Every value of that name, in order."""
        return [value for name, value in self.entries if name == what]

    def one(self, what: str) -> bytes:
        """The value of a name that stands there once; ``ValueError`` otherwise."""
        (value,) = self.all(what)
        return value


@dataclass(frozen=True, slots=True)
class Vector:
    """One negotiation.

    ``parameters`` are mode, auth, phase1, phase2, initiator, responder, and psk where there is one.
    """

    name: str
    parameters: dict[str, str]
    log: Log
    datagrams: tuple[Datagram, ...]

    @property
    def messages(self) -> list[Datagram]:
        """The datagrams that are IKE, in order."""
        return [each for each in self.datagrams if not each.is_esp]

    @property
    def whole(self) -> list[bytes]:
        """The messages in order without resends, those in IKE fragments put together where the last one came."""
        found: list[bytes] = []
        parts: dict[int, bytes] = {}
        for each in self.messages:
            data = each.message
            if data in found:
                continue
            if data[16] != FRAGMENT:
                found.append(data)
                continue
            # generic header, fragment ID, number, flags (bit 0: the last)
            parts[data[34]] = data[36:]
            if data[35] & 1:
                found.append(b"".join(parts[number] for number in sorted(parts)))
                parts = {}
        return found

    @property
    def clear(self) -> list[bytes]:
        """The messages sent before there were keys."""
        return [each.message for each in self.messages if not each.encrypted]

    def __str__(self) -> str:
        return self.name


def _load(path: Path) -> Vector:
    data = json.loads(path.read_text())
    return Vector(
        data["name"],
        data["parameters"],
        Log(tuple((entry["what"], bytes.fromhex(entry["hex"])) for entry in data["initiator_log"])),
        tuple(
            Datagram(
                entry["from"], int(entry["source_port"]), int(entry["destination_port"]), bytes.fromhex(entry["hex"])
            )
            for entry in data["datagrams"]
        ),
    )


VECTORS: tuple[Vector, ...] = tuple(_load(path) for path in sorted(FOLDER.glob("*.json")))
BY_NAME: dict[str, Vector] = {each.name: each for each in VECTORS}
