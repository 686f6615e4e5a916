"""Datagrams put together for a peer, and links that stop half way through Main Mode."""

from ipaddress import ip_address

from ikeview.core.orders import Initiate
from ikeview.core.outputs import Spot
from ikeview.ikev1 import offers
from ikeview.wire.header import HEADER_SIZE, VERSION, Header
from ikeview.wire.message import first_type, write_chain
from ikeview.wire.payloads import (
    Payload,
)
from tests.support.laws import tunnel_of
from tests.support.link import Link
from tests.support.scenes import link, phase1

STRANGER = Spot(ip_address("198.51.100.7"), 500)
OFFER = offers.offer_phase1(phase1("aes128-sha256-x25519"), 3600)


def message(
    *payloads: Payload, cookies: tuple[bytes, bytes] = (b"initiato", bytes(8)), exchange: int = 2, flags: int = 0,
    message_id: int = 0, version: int = VERSION, size: int | None = None, first: int | None = None,
) -> bytes:  # fmt: skip
    body = write_chain(payloads)
    length = HEADER_SIZE + len(body) if size is None else size
    kind = first_type(list(payloads)) if first is None else first
    return Header(*cookies, kind, version, exchange, flags, message_id, length).write() + body


def waiting(rows: int, *, peer: dict[str, object] | None = None) -> tuple[Link, tuple[bytes, bytes]]:
    """A link on which ``rows`` messages of Main Mode have arrived and no more do."""
    some = link(peer=peer)
    some.fate = lambda sent: [(0.01, sent.send.data)] if len(some.wire) <= rows else []
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(0.2)
    data = some.wire[rows].send.data
    return some, (data[:8], data[8:16])


def first_messages(count: int) -> list[bytes]:
    return [message(OFFER, cookies=(bytes((7, number, 1, 1, 1, 1, 1, 1)), bytes(8))) for number in range(count)]
