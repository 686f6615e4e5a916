"""The ISAKMP header (RFC 2408 section 3.1)."""

from dataclasses import dataclass

from ikeview.wire.reader import Malformed, Reader, Span

HEADER_SIZE = 28
VERSION = 0x10
"""Major 1, minor 0."""
MAX_MESSAGE = 10_000
"""Octets of the longest message taken: certificates fit with room to spare, floods of memory do not."""
NO_COOKIE = bytes(8)


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of the header in their order; ``length`` counts the whole message."""

    initiator_cookie: bytes
    responder_cookie: bytes
    next_payload: int
    version: int
    exchange_type: int
    flags: int
    message_id: int
    length: int

    @classmethod
    def read(cls, data: bytes, spans: list[Span] | None = None) -> "Header":
        """From the first 28 octets of a message. Raises ``Malformed``."""
        r = Reader(data, "header", spans=spans)
        header = cls(
            r.octets("initiator_cookie", 8),
            r.octets("responder_cookie", 8),
            r.u8("next_payload"),
            r.u8("version"),
            r.u8("exchange_type"),
            r.u8("flags"),
            r.u32("message_id"),
            r.u32("length"),
        )
        if header.length < HEADER_SIZE:
            raise Malformed("header.length", f"{header.length}, shorter than the header itself")
        return header

    def write(self) -> bytes:
        """28 octets."""
        return b"".join(
            (
                self.initiator_cookie,
                self.responder_cookie,
                bytes((self.next_payload, self.version, self.exchange_type, self.flags)),
                self.message_id.to_bytes(4),
                self.length.to_bytes(4),
            )
        )

    @property
    def major(self) -> int:
        """The major version; the minor one is not looked at (interop)."""
        return self.version >> 4
