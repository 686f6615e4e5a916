"""What rides along in phase 1 besides vendor IDs and NAT detection: CERTREQ and INITIAL-CONTACT."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ikeview.core.ladder import Row
from ikeview.core.runner import Message
from ikeview.core.specs import Role
from ikeview.ikev1.authentication import X509_SIGNATURE, Candidate, Proof
from ikeview.wire.numbers import NotifyType, PayloadType, ProtocolId
from ikeview.wire.payloads import CertificateRequest, Notify, Payload

_AUTHORITIES_NAMED = 10
"""CERTREQ payloads in one message; strongSwan takes no more than 20."""


@dataclass(frozen=True, slots=True)
class CertificateRequests:
    """Asks for the peer's certificate where it proves itself by one (RFC 2408 section 3.10): some send none unasked.
    One request for each authority that we trust, or an empty one."""

    role: Role
    asked: bool = False

    def add(self, row: Row, stage: Any) -> tuple["CertificateRequests", list[Payload]]:
        """In our first message from which the peer can tell how it will prove itself."""
        chosen = getattr(stage, "chosen", None)
        aggressive_offer = row.number == 1 and PayloadType.KE in row.required
        known = chosen or (getattr(stage, "setup", None) if aggressive_offer else None)
        candidates: tuple[Candidate, ...] = known.candidates if known is not None else ()
        if self.asked or not candidates or candidates[0].scheme.proof(self.role.other) is not Proof.SIGNATURE:
            return self, []
        names = dict.fromkeys(
            name for each in candidates if each.trust is not None for name in each.trust.authority_names
        )
        wanted = list(names)[:_AUTHORITIES_NAMED] or [b""]
        return (
            CertificateRequests(self.role, True),
            [CertificateRequest(X509_SIGNATURE, name) for name in wanted],
        )

    def read(self, row: Row, stage: Any, message: Message) -> "CertificateRequests":
        """What the peer asks for changes nothing: our certificates are always sent."""
        return self

    def notes(self, row: Row, taken: bool) -> tuple[str, ...]:
        """Nothing to remark."""
        return ()


@dataclass(frozen=True, slots=True)
class InitialContact:
    """INITIAL-CONTACT with the initiator's proof (RFC 2407 section 4.6.3.3): we have nothing else with the peer, so it
    may forget what it has with us. ``alone`` is asked when the message is built: by then another phase 1 may have come
    about."""

    alone: Callable[[], bool]

    def add(self, row: Row, stage: Any) -> tuple["InitialContact", list[Payload]]:
        """In the initiator's encrypted row."""
        secured = getattr(stage, "secured", None)
        if not row.encrypted or row.sender is not Role.INITIATOR or secured is None or not self.alone():
            return self, []
        cookies = secured.chosen.cookies
        return self, [Notify.of(ProtocolId.ISAKMP, NotifyType.INITIAL_CONTACT, cookies.both)]

    def read(self, row: Row, stage: Any, message: Message) -> "InitialContact":
        """Whoever owns the ISAKMP SA acts on the peer's."""
        return self

    def notes(self, row: Row, taken: bool) -> tuple[str, ...]:
        """The payload says it."""
        return ()
