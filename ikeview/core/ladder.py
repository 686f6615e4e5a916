"""The RFC's diagram of an exchange, read as its specification.

``HDR, SA -->`` is a row sent by the initiator, ``<-- HDR*, IDir, HASH_R`` one by the responder, encrypted; brackets
mark what may be there (``HDR[*]``: sent encrypted, taken in clear too). Everything that must agree with the diagram is
made from the rows: payload checks, turns, encryption, the ladder on the screen.
"""

import re
from collections import Counter
from dataclasses import dataclass

from ikeview.core.facts import DropReason
from ikeview.core.refusals import Discard
from ikeview.core.specs import Role
from ikeview.wire.message import Chain
from ikeview.wire.numbers import PayloadType
from ikeview.wire.payloads import payload_name, payload_type

_PAYLOADS: dict[str, PayloadType] = {
    "SA": PayloadType.SA,
    "KE": PayloadType.KE,
    "Ni": PayloadType.NONCE,
    "Nr": PayloadType.NONCE,
    "IDii": PayloadType.ID,
    "IDir": PayloadType.ID,
    "IDci": PayloadType.ID,
    "IDcr": PayloadType.ID,
    "HASH_I": PayloadType.HASH,
    "HASH_R": PayloadType.HASH,
    "HASH(1)": PayloadType.HASH,
    "HASH(2)": PayloadType.HASH,
    "HASH(3)": PayloadType.HASH,
    "SIG_I": PayloadType.SIG,
    "SIG_R": PayloadType.SIG,
    "CERT": PayloadType.CERT,
    "ATTR": PayloadType.ATTRIBUTES,
}

RIDERS = frozenset(
    {
        PayloadType.VENDOR_ID,
        PayloadType.NOTIFY,
        PayloadType.NAT_D,
        PayloadType.NAT_OA,
        PayloadType.NAT_D_DRAFT,
        PayloadType.NAT_OA_DRAFT,
        PayloadType.CERT,
        PayloadType.CERTREQ,
    }
)
"""Payloads that may ride along in any row."""


@dataclass(frozen=True, slots=True)
class Row:
    """One message of an exchange. ``number`` counts from 1; ``optional`` are groups that come whole or not at all."""

    number: int
    sender: Role
    encrypted: bool
    required: tuple[PayloadType, ...]
    optional: tuple[tuple[PayloadType, ...], ...]
    text: str
    clear_allowed: bool = False
    """Sent encrypted, but taken in clear as well."""

    @property
    def arrow(self) -> str:
        """``> HDR, SA`` or ``< HDR, SA``: the row as facts carry it."""
        return f"{'>' if self.sender is Role.INITIATOR else '<'} {self.text}"

    def check(self, chain: Chain) -> None:
        """Whether the payloads are those of this row. Raises ``Discard``."""
        found = Counter(payload_type(each) for each in chain)
        wanted = Counter(int(kind) for kind in self.required)
        for group in self.optional:
            counted = Counter(int(kind) for kind in group)
            if any(found[kind] > wanted[kind] for kind in counted):
                wanted += counted
        for kind, count in wanted.items():
            if found[kind] < count:
                raise Discard(DropReason.MISSING_PAYLOAD, f"{payload_name(kind)} in message {self.number}")
        known = {int(kind) for kind in PayloadType}
        for kind, count in found.items():
            if count > wanted[kind] and kind not in RIDERS and kind in known:
                raise Discard(DropReason.EXTRA_PAYLOAD, f"{payload_name(kind)} in message {self.number}")
        if self.encrypted and self.number and self.text.startswith("HDR*, HASH(") and (
            payload_type(chain.carried[0].payload) != PayloadType.HASH
        ):
            raise Discard(DropReason.MISSING_PAYLOAD, "HASH must come first (RFC 2409 section 5.5)")


def ladder(diagram: str) -> tuple[Row, ...]:
    """The rows of a diagram; ``ValueError`` where it cannot be read."""
    rows: list[Row] = []
    for line in filter(None, (line.strip() for line in diagram.splitlines())):
        if line.endswith("-->"):
            sender, text = Role.INITIATOR, line[:-3].strip()
        elif line.startswith("<--"):
            sender, text = Role.RESPONDER, line[3:].strip()
        else:
            raise ValueError(f"no arrow in {line!r}")
        text = re.sub(r"\s+", " ", text)
        clear_allowed = text.startswith("HDR[*]")
        text = text.replace("HDR[*]", "HDR*")
        groups = re.findall(r"\[([^\]]*)\]", text)
        plain = re.sub(r"\[[^\]]*\]", "", text)
        head, *names = [word.strip() for word in plain.split(",") if word.strip()] or [""]
        if head not in ("HDR", "HDR*"):
            raise ValueError(f"{line!r} does not begin with HDR or HDR*")
        wrong = [name for name in [*names, *_words(groups)] if name not in _PAYLOADS]
        if wrong:
            raise ValueError(f"{line!r} holds {wrong[0]!r}, which is no payload")
        rows.append(
            Row(
                len(rows) + 1,
                sender,
                head == "HDR*",
                tuple(_PAYLOADS[name] for name in names),
                tuple(tuple(_PAYLOADS[name] for name in _words([group])) for group in groups),
                text,
                clear_allowed,
            )
        )
    return tuple(rows)


def _words(groups: list[str]) -> list[str]:
    return [name.strip() for group in groups for name in group.split(",") if name.strip()]
