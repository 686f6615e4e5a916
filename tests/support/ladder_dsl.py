"""What has crossed the simulated link, decrypted and as text: ladder tests read as the wire did.

``left > SA VID*2`` is a message in clear, ``right > * HASH D(ESP)`` an encrypted one, ``left > SA VID*2 (again)`` the
same octets once more, ``left:4500 > ...`` one between the NAT ports.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ikeview.ikev1.keys import Phase1Keys, initial_iv
from ikeview.wire.header import HEADER_SIZE, Header
from ikeview.wire.message import Chain, read_chain
from ikeview.wire.numbers import ExchangeType, Flag, ProtocolId, notify_label
from ikeview.wire.payloads import Delete, KeyExchange, Notify, Payload, payload_name, payload_type
from tests.support.link import Link, Sent


@dataclass
class _Phase1:
    """What a tap has to remember of one phase 1 in order to read on."""

    keys: Phase1Keys | None = None
    publics: list[bytes] = field(default_factory=list)
    last_block: bytes = b""
    chains: dict[int, bytes] = field(default_factory=dict)
    """By message ID: the last cipher block."""


class Tap:
    """Reads along on a link from now on. It takes the keys from the ends and keeps its own IVs, as a capture tool with
    a key log does (RFC 2409 appendix B)."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._seen: dict[bytes, str] = {}
        self._phase1s: dict[bytes, _Phase1] = {}
        self.lines: list[str] = []
        self.opened: list[tuple[Sent, Header, Chain]] = []
        self._fate = link.fate
        link.fate = self._watch

    def lose(self, *fates: bool) -> None:
        """Lose the next datagrams where it says True; then all come through again."""
        rest = list(fates)
        inner = self._fate

        def fate(sent: Sent) -> list[tuple[float, bytes]]:
            if rest and rest.pop(0):
                return []
            return inner(sent)

        self._fate = fate

    def _watch(self, sent: Sent) -> list[tuple[float, bytes]]:
        self.lines.append(f"{sent.sender}{':4500' if sent.send.floated else ''} > {self._text(sent)}")
        return self._fate(sent)

    def _text(self, sent: Sent) -> str:
        data = sent.send.data
        if data in self._seen:
            return f"{self._seen[data]} (again)"
        header = Header.read(data)
        chain = self._open(header, data)
        self.opened.append((sent, header, chain))
        star = "* " if header.flags & Flag.ENCRYPTION else ""
        self._seen[data] = star + names(chain)
        return self._seen[data]

    def _open(self, header: Header, data: bytes) -> Chain:
        phase1 = self._phase1s.setdefault(header.initiator_cookie, _Phase1())
        if not header.flags & Flag.ENCRYPTION:
            chain = read_chain(header.next_payload, data, HEADER_SIZE)
            key = chain.first(KeyExchange)
            if key is not None and len(phase1.publics) < 2:
                phase1.publics.append(key.data)
            return chain
        keys = phase1.keys = phase1.keys or _keys(self._link, header)
        size = keys.cipher.block_size
        if not phase1.last_block:
            phase1.last_block = initial_iv(keys.hash, keys.cipher, *phase1.publics)
        if header.exchange_type in (ExchangeType.MAIN_MODE, ExchangeType.AGGRESSIVE):
            iv = phase1.last_block
            phase1.last_block = data[-size:]
        else:
            iv = phase1.chains.get(header.message_id) or keys.hash.digest(
                phase1.last_block + header.message_id.to_bytes(4)
            )[:size]
            phase1.chains[header.message_id] = data[-size:]
        plain = keys.cipher.decrypt(keys.encryption.reveal(), iv, data[HEADER_SIZE:])
        return read_chain(header.next_payload, plain, padded=True)

    def expect(self, text: str) -> None:
        """Since the last time, exactly these messages, one a line."""
        wanted = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
        got, self.lines = self.lines, []
        assert got == wanted, "\n" + "\n".join(got)

    def skip(self) -> None:
        """Whatever has crossed so far is of no interest."""
        self.lines = []


def _keys(link: Link, header: Header) -> Phase1Keys:
    cookies = (header.initiator_cookie, header.responder_cookie)
    for end in (link.left, link.right):
        for peer in end.endpoint._peers.values():
            for sa in peer.phase1.sas:
                if (sa.cookies.initiator, sa.cookies.responder) == cookies:
                    return sa.keys
            for each in peer.phase1.negotiations.values():
                secured: Any = getattr(each.run.stage, "secured", each.run.stage)
                if (each.run.initiator_cookie, each.run.responder_cookie) == cookies and hasattr(secured, "keys"):
                    return secured.keys
    raise AssertionError("neither end has keys for an encrypted message")


def names(chain: Chain) -> str:
    """The payloads in order of first appearance, repeated ones counted, deletes and notifies with what they say."""
    counts = Counter(_name(each) for each in chain)
    return " ".join(name if count == 1 else f"{name}*{count}" for name, count in counts.items())


def _name(payload: Payload) -> str:
    match payload:
        case Delete(protocol=protocol):
            return f"D({ProtocolId(protocol).name})"
        case Notify(kind=kind):
            return f"N({notify_label(kind)})"
    return payload_name(payload_type(payload))


MAIN_MODE = """
    left > SA VID*6
    right > SA VID*3
    left > KE NONCE NAT-D*2
    right > KE NONCE NAT-D*2
    left > * ID HASH N(INITIAL-CONTACT)
    right > * ID HASH
"""
RENEWAL = MAIN_MODE.replace(" N(INITIAL-CONTACT)", "")
"""Main Mode between ends that have something with each other."""
QUICK_MODE = """
    left > * HASH SA NONCE ID*2
    right > * HASH SA NONCE ID*2
    left > * HASH
"""
QUICK_MODE_PFS = """
    left > * HASH SA NONCE KE ID*2
    right > * HASH SA NONCE KE ID*2
    left > * HASH
"""


def swapped(text: str) -> str:
    """The same ladder begun by the other end."""
    return text.replace("left", "\0").replace("right", "left").replace("\0", "right")

