"""Security Association, Proposal and Transform payloads (RFC 2408 sections 3.4 to 3.6, RFC 2407 section 4.6.1)."""

from dataclasses import dataclass
from typing import ClassVar

from ikeview.wire.attributes import Attribute, read_attributes
from ikeview.wire.numbers import IPSEC_DOI, SIT_IDENTITY_ONLY, PayloadType
from ikeview.wire.reader import Reader

MAX_PROPOSALS = 64
MAX_TRANSFORMS = 255
"""The transform count is one octet."""


@dataclass(frozen=True, slots=True)
class Transform:
    """One choice of algorithms: ``number`` in its proposal, ``transform_id`` of the proposal's protocol."""

    number: int
    transform_id: int
    attributes: tuple[Attribute, ...]

    @classmethod
    def read(cls, r: Reader) -> "Transform":
        """From after the generic header. Raises ``Malformed``."""
        number = r.u8("number")
        transform_id = r.u8("transform_id")
        r.u16("reserved2")
        return cls(number, transform_id, read_attributes(r))

    def write(self) -> bytes:
        """Without the generic header."""
        return bytes((self.number, self.transform_id, 0, 0)) + b"".join(each.write() for each in self.attributes)

    def get(self, kind: int) -> int | None:
        """The number in the first attribute of that type, if there is one."""
        return next((each.number for each in self.attributes if each.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A protocol with its SPI and the transforms to choose from; equal numbers belong together (AND)."""

    number: int
    protocol: int
    spi: bytes
    transforms: tuple[Transform, ...]

    @classmethod
    def read(cls, r: Reader) -> "Proposal":
        """From after the generic header. Raises ``Malformed``."""
        number = r.u8("number")
        protocol = r.u8("protocol")
        spi_size = r.u8("spi_size")
        count = r.u8("transform_count")
        spi = r.octets("spi", spi_size)
        transforms = tuple(
            Transform.read(part) for part in _chain(r, "transform", PayloadType.TRANSFORM, MAX_TRANSFORMS)
        )
        if len(transforms) != count:
            raise r.fail("transform_count", f"says {count}, but there are {len(transforms)}")
        return cls(number, protocol, spi, transforms)

    def write(self) -> bytes:
        """Without the generic header."""
        head = bytes((self.number, self.protocol, len(self.spi), len(self.transforms)))
        return head + self.spi + _join(PayloadType.TRANSFORM, [each.write() for each in self.transforms])


@dataclass(frozen=True, slots=True)
class SecurityAssociation:
    """The SA payload: what is offered, or the one that was chosen."""

    TYPE: ClassVar[int] = PayloadType.SA
    doi: int
    situation: int
    proposals: tuple[Proposal, ...]

    @classmethod
    def of(cls, *proposals: Proposal) -> "SecurityAssociation":
        """With the IPsec DOI and SIT_IDENTITY_ONLY."""
        return cls(IPSEC_DOI, SIT_IDENTITY_ONLY, proposals)

    @classmethod
    def read(cls, r: Reader) -> "SecurityAssociation":
        """Raises ``Malformed``."""
        doi = r.u32("doi")
        situation = r.u32("situation")
        return cls(
            doi,
            situation,
            tuple(Proposal.read(part) for part in _chain(r, "proposal", PayloadType.PROPOSAL, MAX_PROPOSALS)),
        )

    def write(self) -> bytes:
        """The body."""
        return (
            self.doi.to_bytes(4)
            + self.situation.to_bytes(4)
            + _join(PayloadType.PROPOSAL, [each.write() for each in self.proposals])
        )


def _chain(r: Reader, name: str, kind: PayloadType, most: int) -> list[Reader]:
    """The parts of a list of proposals or transforms, each with its generic header (0 marks the last)."""
    parts: list[Reader] = []
    more = True
    while more:
        if len(parts) == most:
            raise r.fail(name, f"more than {most}")
        head = r.named(f"{name}[{len(parts)}]")
        following = head.u8("next_payload")
        if following not in (kind, PayloadType.NONE):
            raise head.fail("next_payload", f"is {following}, wants {int(kind)} or 0")
        head.u8("reserved")
        length = head.u16("length")
        if length < 4:
            raise head.fail("length", f"is {length}, shorter than its own header")
        r.at = head.at
        parts.append(r.part(f"{name}[{len(parts)}]", length - 4))
        more = following != PayloadType.NONE
    r.done()
    return parts


def _join(kind: PayloadType, bodies: list[bytes]) -> bytes:
    out = bytearray()
    for index, body in enumerate(bodies):
        following = kind if index + 1 < len(bodies) else PayloadType.NONE
        out += bytes((following, 0)) + (len(body) + 4).to_bytes(2) + body
    return bytes(out)
