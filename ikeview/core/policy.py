"""Every duration and bound of the protocol on one page, each with its unit, its source and its reason."""

from dataclasses import dataclass

_DOUBLINGS = 32
"""A peer may be gone for weeks; no wait is as long as this makes it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Durations are seconds."""

    resend_first: float = 0.5
    """First wait for an answer: a round trip round the world takes less (RFC 2408 section 5.1 leaves it open)."""
    resend_most: float = 2.5
    """The waits double up to this: all of them are over before an operator who waits 30 seconds gives up."""
    resend_limit: int = 11
    """Resends after the first send: 12 sends bring 9 messages through 30% loss in 998 of 1,000 cases."""
    answer_life: float = 60.0
    """No negotiation waits longer than this for one message, whatever has become of its other timers."""
    refused_patience: float = 3.0
    """How long the true answer may still come after an unauthenticated refusal: anybody can send those, so they do not
    end a negotiation at once, but most are honest and the operator waits."""
    answered_duplicates: int = 12
    """How often one stored reply is sent again: as often as a peer like us resends."""
    openings: int = 48
    """Phase 1s of ours that begin at once: that many cost a slow machine half a second, before anything is sent again.
    """
    opening_patience: float = 0.5
    """One that takes longer waits for its peer, not for us: another may begin."""
    half_open_life: float = 30.0
    """A responder forgets a phase 1 that has not come to an end by then: a little longer than an initiator tries."""
    half_open_for_peer: int = 5
    """Negotiations begun by one peer that are not authenticated yet."""
    half_open_total: int = 1024
    """The same over all peers..."""
    half_open_reserved: int = 256
    """...of which these are for peers whose address is known: strangers must not keep them out."""
    transaction_patience: float = 30.0
    """How long the peer may take to begin XAUTH or mode config, and each of them to come to its end."""
    after_xauth: float = 0.15
    """The client's pause after its last word in XAUTH: servers that take datagrams in several threads destroy the
    ISAKMP SA if what follows overtakes it."""
    members_most: int = 4096
    """Peers that are connected under one configuration at once."""
    member_life: float = 60.0
    """How long one that has nothing any more is still shown."""
    fragment_packet: int = 1280
    """A message of which the IP packet would be larger may go in fragments: what every link of IPv6 carries, and nearly
    every path of IPv4."""
    fragments_most: int = 16
    """Fragments of one message; those of ``MAX_MESSAGE`` octets are eight."""
    fragments_life: float = 30.0
    """An incomplete message is kept so long: the peer sends all of it again much sooner."""
    fragmented_most: int = 256
    """Incomplete messages over all peers."""
    quick_modes: int = 16
    """Quick Modes that run at once in one ISAKMP SA."""
    answers_kept: float = 60.0
    """How long a finished exchange can still answer duplicates of its last messages."""
    used_message_ids: int = 65_536
    """Message IDs remembered by an ISAKMP SA; one that has seen so many is renewed (RFC 2409 appendix B: unique)."""
    renew_margin: float = 0.9
    """Phase 1 is renewed after this share of its lifetime by its initiator..."""
    renew_margin_responder: float = 0.95
    """...and by its responder if the initiator has not."""
    rekey_jitter: float = 0.5
    """The initiator of an SA takes up to this share of the margin off its rekey time, drawn at random, so that many
    tunnels do not rekey at once."""
    byte_soft: float = 0.85
    """Share of the byte lifetime after which the initiator of an SA rekeys, less up to ``byte_jitter``; the peer's
    kilobyte may have 1,000 or 1,024 octets."""
    byte_soft_responder: float = 0.95
    """The responder's: later, so that both ends do not start at once."""
    byte_jitter: float = 0.05
    switch_after: float = 1.0
    """The initiator of a rekey moves its own traffic when the peer's first packet arrives on the new SA, or after this:
    the peer installs only when it has message 3 (RFC 2409 section 5.5)."""
    old_sa_initiator: float = 5.0
    """The initiator of a rekey keeps taking packets on the old SA for this long, then deletes it."""
    old_sa_patience: float = 30.0
    """The responder lets this pass. Neither deletes an old SA before the peer has sent on the new one, for message 3
    may have been lost; then it goes when its lifetime is over."""
    delete_times: int = 4
    """How often a Delete that must not be lost is sent..."""
    delete_again: float = 2.0
    """...and the least time from one to the next."""
    informational_rate: float = 100.0
    """Informational messages a second that are acted on under one ISAKMP SA..."""
    informational_burst: int = 2000
    """...after so many at once: a peer with many tunnels that stops deletes all of them."""
    move_least: float = 1.0
    """The least time from one change of the peer's address to the next."""
    superseded_phase1s: int = 4
    """Replaced ISAKMP SAs that are kept until the peer deletes them or they expire."""
    retry_first: float = 5.0
    """Wait before the second attempt of a tunnel that should be up; doubles..."""
    retry_most: float = 60.0
    """...up to this, less up to a fifth at random."""
    probe_resend: float = 2.0
    """Longest wait for the answer to a keepalive before the next is sent (RFC 3706 section 5.5 leaves it open)..."""
    probe_resend_least: float = 0.5
    """...and the shortest: a round trip round the world takes less."""
    probes: int = 23
    """So many are sent before a silent peer is held for dead, if there is time: at 20% loss, asked after every ten idle
    seconds, one verdict in a million tunnel-days is wrong."""
    probe_repeats: int = 3
    """How often a keepalive of the peer with the same number is answered again (RFC 3706 section 6.2): some do not
    count on while they have no answer."""
    probe_hinted: float = 10.0
    """An unauthenticated hint that the peer is gone brings a keepalive forward, but no more often than that."""
    abandon: float = 120.0
    """A peer to which we cannot begin keeps its SAs for this long after it was held for dead: on a bad line such a
    verdict is wrong now and then, and then nothing here could bring the tunnel back."""
    stalled_intervals: float = 2.0
    """Keepalive intervals in which we send and no ESP comes until something is done; doubles with each step."""
    resolve_least: float = 10.0
    """A DNS name is not looked up again before, however short its TTL, nor after an answer that did not come..."""
    resolve_patience: float = 60.0
    """...nor, if no answer comes again and again, later than that..."""
    resolve_most: float = 3600.0
    """...nor, however long its TTL, later than this: the operator changes it because something has moved."""
    notify_rate: float = 1.0
    """Error notifies a second to one unauthenticated address."""
    notify_total: float = 5.0
    """The same over all addresses."""
    notify_burst: int = 5
    lifetime_least: float = 60.0
    """A peer's shorter phase lifetime is not followed below this: SAs that end at once are an attack or a mistake."""
    lifetime_most: float = 86_400.0
    """A peer's longer lifetime is cut to this."""

    @property
    def resend_total(self) -> float:
        """Seconds from the first send until an exchange without an answer is given up."""
        return sum(self.resend_wait(count) for count in range(self.resend_limit + 1))

    def resend_wait(self, count: int) -> float:
        """Wait after send number ``count`` (0: the first)."""
        return min(self.resend_first * 2.0**count, self.resend_most)

    def probe_wait(self, interval: float, timeout: float) -> float:
        """Wait for the answer to a keepalive, with the configured ``interval`` and ``timeout``."""
        wanted = max(self.probe_resend_least, (timeout - interval) / self.probes)
        return min(self.probe_resend, interval, wanted)

    def retry_wait(self, failures: int, fraction: float) -> float:
        """Wait before the next attempt after so many failed ones; ``fraction`` in [0, 1) is the chance part."""
        doublings = min(max(0, failures - 1), _DOUBLINGS)
        return min(self.retry_first * 2.0**doublings, self.retry_most) * (1 - fraction / 5)
