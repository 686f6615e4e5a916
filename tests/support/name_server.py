"""A name server for tests: answers what it is told to, over UDP."""

import socket
import threading
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Record = tuple[str, int, str, str]
"""Owner, TTL, type and value."""


class NameServer:
    """Reads ``sock``, which is bound and becomes its own. A context manager."""

    def __init__(self, sock: socket.socket) -> None:
        self.records: dict[tuple[str, str], list[Record]] = {}
        """By name and type of the question."""
        self.silent_about: set[str] = set()
        """Types of questions that get no answer."""
        self.asked: list[tuple[str, str]] = []
        self.port: int = sock.getsockname()[1]
        self._sock = sock
        self._sock.settimeout(0.1)
        self._ending = False
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        self._thread.join(10)
        self._sock.close()

    def _serve(self) -> None:
        while not self._ending:
            try:
                data, sender = self._sock.recvfrom(4096)
            except TimeoutError:
                continue
            query = dns.message.from_wire(data)
            [question] = query.question
            key = (question.name.to_text(), dns.rdatatype.to_text(question.rdtype))
            self.asked.append(key)
            if key[1] in self.silent_about:
                continue
            reply = dns.message.make_response(query)
            reply.flags |= dns.flags.RA
            found = self.records.get(key, [])
            reply.answer = [dns.rrset.from_text(owner, ttl, "IN", kind, value) for owner, ttl, kind, value in found]
            if not any(name == key[0] for name, _ in self.records):
                reply.set_rcode(dns.rcode.NXDOMAIN)
            self._sock.sendto(reply.to_wire(), sender)
