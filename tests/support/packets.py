"""Inner IP packets for tests."""

from ipaddress import IPv4Address, IPv6Address


def ipv4(source: str, destination: str, size: int = 0, protocol: int = 253, payload: bytes | None = None) -> bytes:
    """An IPv4 packet with a payload of ``size`` octets, or that one; protocol 253 is for experiments (RFC 3692)."""
    body = bytes(size) if payload is None else payload
    head = bytearray(20)
    head[0], head[8], head[9] = 0x45, 64, protocol
    head[2:4] = (20 + len(body)).to_bytes(2)
    head[12:16], head[16:20] = IPv4Address(source).packed, IPv4Address(destination).packed
    return bytes(head) + body


def ipv6(source: str, destination: str, size: int = 0, protocol: int = 253, payload: bytes | None = None) -> bytes:
    """An IPv6 packet, likewise."""
    body = bytes(size) if payload is None else payload
    head = b"\x60\0\0\0" + len(body).to_bytes(2) + bytes((protocol, 64))
    return head + IPv6Address(source).packed + IPv6Address(destination).packed + body


def ports(source: int, destination: int) -> bytes:
    """The first octets of TCP and UDP."""
    return source.to_bytes(2) + destination.to_bytes(2) + bytes(4)
