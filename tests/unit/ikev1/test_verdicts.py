"""Why a tunnel did not come up, in the exact words that the operator reads, at both ends."""

from ipaddress import ip_network
from typing import Any

import pytest

from ikeview.core.facts import Cause, DropReason, ExchangeFailed, NotifyTaken, OrderRefused, TunnelDown, TunnelUp
from ikeview.core.identity import Identity
from ikeview.core.inputs import Located, Unreachable
from ikeview.core.orders import Initiate
from ikeview.core.outputs import Spot
from ikeview.core.specs import Selector
from ikeview.explain.verdict import Failure, explain, waiting
from ikeview.ikev1 import informational
from ikeview.ikev1.keys import Cookies
from ikeview.wire.numbers import NotifyType, ProtocolId
from ikeview.wire.payloads import Notify
from tests.support.laws import assert_lawful, assert_tidy, bring_up, peer_of, tunnel_of
from tests.support.link import Link, Sent
from tests.support.scenes import OTHER_SECRET, link, phase1, phase2, side
from tests.support.specs import RIGHT


def fails(some: Link, within: float = 60) -> tuple[ExchangeFailed, TunnelDown]:
    """The left end tries and fails; what it says. All is tidy afterwards."""
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run_until(lambda: bool(some.left.of(TunnelDown)), within)
    some.run(0.5)
    assert_tidy(some.left)
    assert_tidy(some.right)
    failed, down = some.left.of(ExchangeFailed)[0], some.left.of(TunnelDown)[0]
    assert (down.cause, down.detail) == (failed.cause, failed.verdict)
    return failed, down


def only(rows: int, some: Link) -> Link:
    """Only the first messages arrive."""

    def fate(sent: Sent) -> list[tuple[float, bytes]]:
        return [(0.01, sent.send.data)] if len(some.wire) <= rows else []

    some.fate = fate
    return some


def test_wrong_secret() -> None:
    some = link(left={"secret": OTHER_SECRET})
    failed, _ = fails(some)
    assert (failed.cause, failed.row) == (Cause.WRONG_SECRET, 5)
    assert failed.verdict == (
        "Authentication with 10.99.0.2:500 failed: the pre-shared keys differ, or it does not accept our identity "
        "10.99.0.1; it said PAYLOAD-MALFORMED (not authenticated)."
    )
    assert failed.hints == (
        "compare the pre-shared keys of both ends: same octets, no blank or line end too many",
        "check that the peer expects the identity 10.99.0.1",
    )
    assert (failed.offered, failed.expected) == ((), ())
    theirs = some.right.of(ExchangeFailed)[0]
    assert theirs.cause is Cause.WRONG_SECRET
    assert theirs.verdict == (
        "Message 5 of 10.99.0.1:500 does not decrypt with our pre-shared key: the keys of both ends differ."
    )
    assert failed.took < 4


def test_wrong_secret_where_the_notify_is_lost() -> None:
    some = link(left={"secret": OTHER_SECRET})
    failed, _ = fails(only(5, some))
    assert failed.cause is Cause.NO_ANSWER
    assert failed.verdict == (
        "No answer from 10.99.0.2:500 to message 5, the first encrypted one (12 sends in 26 s): the pre-shared keys "
        "differ, or the peer does not accept our identity 10.99.0.1."
    )


def test_no_common_phase_1_proposal() -> None:
    some = link(left={"proposals": phase1("aes256-sha256-x25519", "aes128-sha1-x25519")})
    failed, _ = fails(some)
    assert failed.cause is Cause.NO_PROPOSAL
    assert failed.verdict == (
        "10.99.0.2:500 refused with NO-PROPOSAL-CHOSEN (not authenticated): either it allows none of our phase 1 "
        "proposals (aes256-sha256-x25519, aes128-sha1-x25519), or it has no configuration for our address 10.99.0.1."
    )
    assert failed.offered == ("aes256-sha256-x25519", "aes128-sha1-x25519")
    theirs = some.right.of(ExchangeFailed)[0]
    assert theirs.verdict == (
        "No common proposal in Main Mode: 10.99.0.1:500 offers aes256-sha256-x25519, aes128-sha1-x25519; allowed here "
        "is aes128-sha256-x25519."
    )
    assert theirs.offered == failed.offered
    assert theirs.expected == ("aes128-sha256-x25519",)


def test_no_common_phase_2_proposal() -> None:
    some = link(left_child={"proposals": phase2("aes256gcm16", "aes128-sha1")})
    failed, _ = fails(some)
    assert failed.cause is Cause.NO_PROPOSAL
    assert failed.verdict == (
        "10.99.0.2:500 refused Quick Mode with NO-PROPOSAL-CHOSEN: it allows none of our phase 2 proposals "
        "(aes256gcm16, aes128-sha1); PFS and encapsulation count too."
    )
    assert failed.took < 0.1
    theirs = some.right.of(ExchangeFailed)[0]
    assert theirs.verdict == (
        "No common proposal in Quick Mode: 10.99.0.1:500 offers aes256gcm16 tunnel, aes128-sha1 tunnel; allowed here "
        "is aes128gcm16 tunnel."
    )
    assert theirs.expected == ("aes128gcm16 tunnel",)


def test_an_unknown_peer_reads_as_such() -> None:
    some = Link(side(left=True), side(left=False, remote="10.99.0.77"))
    failed, _ = fails(some)
    assert failed.cause is Cause.NO_PROPOSAL
    assert "or it has no configuration for our address 10.99.0.1." in failed.verdict
    assert failed.hints == (
        "compare cipher, hash and group with the peer's", "check that the peer knows 10.99.0.1",
    )  # fmt: skip


def test_a_silent_peer() -> None:
    some = link()
    some.right.dead = True
    failed, _ = fails(some)
    assert failed.cause is Cause.NO_ANSWER
    assert failed.verdict == (
        "No answer from 10.99.0.2:500 to message 1 of Main Mode (12 sends in 26 s): the host is down, UDP 500 is "
        "blocked on the way, or the peer ignores our address 10.99.0.1."
    )


def test_nothing_listens() -> None:
    some = link()
    some.right.dead = True
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(1)
    some.do(some.left, Unreachable(Spot(RIGHT, 500), "port unreachable"))
    some.run_until(lambda: bool(some.left.of(TunnelDown)), 4)
    failed = some.left.last(ExchangeFailed)
    assert failed.cause is Cause.NOT_LISTENING
    assert failed.verdict == (
        "10.99.0.2:500 cannot be reached: port unreachable (ICMP, which anybody can send), no answer to 4 sends in 4 s."
    )


def test_icmp_does_not_end_what_is_answered_after_all() -> None:
    some = link()
    some.right.dead = True
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(0.3)
    some.do(some.left, Unreachable(Spot(RIGHT, 500), "port unreachable"))
    some.right.dead = False
    some.run(10)
    assert some.left.of(TunnelUp)
    assert not some.left.of(ExchangeFailed)
    some.do(some.left, Unreachable(Spot(RIGHT, 500), "port unreachable"))
    assert_lawful(some)


def test_an_address_that_is_not_known() -> None:
    some = link()
    inner = some._carry_out

    def carry_out(end: Any, item: Any) -> None:
        if type(item).__name__ == "Locate":
            end.endpoint.take(some.now, Located(item.peer, None, None, "gw.example has no address"))
        else:
            inner(end, item)

    some._carry_out = carry_out  # type: ignore[method-assign]
    some.do(some.left, Initiate(tunnel_of(some.left)))
    down = some.left.last(TunnelDown)
    assert (down.cause, down.detail) == (Cause.UNREACHABLE, "gw.example has no address")
    assert_tidy(some.left)


def test_our_identity_is_not_accepted() -> None:
    some = link(left={"local_id": Identity.parse("fqdn:left.example")})
    failed, _ = fails(some)
    assert failed.cause is Cause.IDENTITY
    assert failed.verdict == (
        "10.99.0.2:500 does not accept our identity fqdn:left.example: it said INVALID-ID-INFORMATION."
    )
    # authenticated, so at once
    assert failed.took < 0.1
    assert some.left.last(NotifyTaken).authenticated
    theirs = some.right.of(ExchangeFailed)[0]
    assert theirs.verdict == "10.99.0.1:500 calls itself fqdn:left.example, but the configuration expects 10.99.0.1."
    assert theirs.hints == ('if that is the right peer, set remote_id = "fqdn:left.example"',)
    assert (theirs.offered, theirs.expected) == (("fqdn:left.example",), ("10.99.0.1",))


def test_the_peers_identity_is_not_the_configured_one() -> None:
    some = link(right={"local_id": Identity.parse("fqdn:right.example")})
    failed, _ = fails(some)
    assert failed.cause is Cause.IDENTITY
    assert failed.verdict == "10.99.0.2:500 calls itself fqdn:right.example, but the configuration expects 10.99.0.2."
    assert (failed.offered, failed.expected) == (("fqdn:right.example",), ("10.99.0.2",))
    # the peer held phase 1 for established and is told that it is not
    assert not peer_of(some.right).phase1.sas
    assert some.right.last(NotifyTaken).notify == "INVALID-ID-INFORMATION"


def test_selectors_differ() -> None:
    some = link(left_child={"remote": Selector(ip_network("10.9.0.0/24"))})
    failed, _ = fails(some)
    assert failed.cause is Cause.SELECTORS
    assert failed.verdict == (
        "10.99.0.2:500 refused Quick Mode with INVALID-ID-INFORMATION: it has no tunnel for "
        "10.1.1.0/24 === 10.9.0.0/24."
    )
    theirs = some.right.of(ExchangeFailed)[0]
    assert theirs.verdict == (
        "Selectors differ: 10.99.0.1:500 asks for 10.9.0.0/24 === 10.1.1.0/24; configured is "
        "10.2.1.0/24 === 10.1.1.0/24."
    )
    assert theirs.hints == ("both ends must name the same two networks, mirrored",)


SILENT_3 = "10.99.0.2:500 answered message 1 of Main Mode but not message 3 (12 sends in 26 s)."
SILENT_5 = (
    "No answer from 10.99.0.2:500 to message 5, the first encrypted one (12 sends in 26 s): the pre-shared keys "
    "differ, or the peer does not accept our identity 10.99.0.1."
)
SILENT_QUICK = (
    "No answer from 10.99.0.2:500 to message 1 of Quick Mode (12 sends in 26 s), though phase 1 is up."
)


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [(2, SILENT_3), (3, SILENT_3), (4, SILENT_5), (5, SILENT_5), (6, SILENT_QUICK), (7, SILENT_QUICK)],
)
def test_messages_lost_for_ever(rows: int, verdict: str) -> None:
    some = only(rows, link())
    failed, _ = fails(some)
    assert failed.cause is Cause.NO_ANSWER
    assert failed.verdict == verdict


def test_the_responder_tells_too_what_did_not_come() -> None:
    some = only(4, link())
    fails(some)
    some.run(10)
    assert some.right.last(ExchangeFailed).verdict == (
        "10.99.0.1:500 began Main Mode, but after message 4 came nothing usable for 30 s."
    )


def test_the_nat_port_is_blocked() -> None:
    some = link(left={"nat_traversal": "force"})
    some.fate = lambda sent: [] if sent.send.floated else [(0.01, sent.send.data)]
    failed, _ = fails(some)
    assert failed.verdict == (
        "No answer from 10.99.0.2:4500 to message 5, the first encrypted one (12 sends in 26 s): the pre-shared keys "
        "differ, the peer does not accept our identity 10.99.0.1, or UDP 4500 is blocked on the way."
    )
    assert failed.hints[-1] == "open UDP 4500 in the firewalls between"


def test_only_the_peer_can_begin() -> None:
    some = link(left={"role": "responder"})
    some.do(some.left, Initiate(tunnel_of(some.left)))
    assert some.left.last(OrderRefused).why == "only the peer can begin: remote = 10.99.0.2, role = responder"


def test_a_plane_that_needs_encapsulation_and_a_peer_without() -> None:
    some = link(right={"nat_traversal": "off"}, forces_encapsulation=False)
    some.left.endpoint._context.force_encapsulation = True
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(1)
    down = some.left.last(TunnelDown)
    assert down.cause is Cause.DATAPLANE
    assert down.detail == (
        "the peer does not speak NAT traversal (RFC 3947), and the userspace data plane carries ESP only in UDP"
    )


# -- what may be forged is a hint --------------------------------------------------------------------------------------


def hint(some: Link, kind: NotifyType) -> None:
    """An unauthenticated notify to the left end, with the true cookies."""
    data = some.wire[-1].send.data
    notify = Notify.of(ProtocolId.ISAKMP, kind)
    some.inject(some.left, informational.clear(Cookies(data[:8], data[8:16]), 0, notify))


@pytest.mark.parametrize("after", [0.001, 0.025, 0.045])
def test_the_true_answer_wins_against_an_unauthenticated_refusal(after: float) -> None:
    some = link()
    some.latency = 0.01
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(after)
    hint(some, NotifyType.NO_PROPOSAL_CHOSEN)
    assert not some.left.last(NotifyTaken).authenticated
    some.run(60)
    assert not some.left.of(ExchangeFailed)
    assert_lawful(some)


def test_the_true_answer_wins_even_if_the_rest_takes_its_time() -> None:
    some = link()
    some.fate = lambda sent: [(0.8, sent.send.data)]
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(0.1)
    hint(some, NotifyType.NO_PROPOSAL_CHOSEN)
    some.run(60)
    assert not some.left.of(ExchangeFailed)
    assert some.left.of(TunnelUp)


def test_an_authenticated_refusal_ends_quick_mode_at_once_and_only_that() -> None:
    some = link(tunnels=2)
    bring_up(some)
    some.fate = lambda sent: []
    some.do(some.left, Initiate(tunnel_of(some.left, 2)))
    sa = peer_of(some.left).phase1.current
    data = informational.seal(
        sa.keys, sa.last_block, sa.cookies, 77, [Notify.of(ProtocolId.ESP, NotifyType.INVALID_SPI)]
    )
    some.inject(some.left, data)
    failed = some.left.last(ExchangeFailed)
    assert failed.verdict == "10.99.0.2:500 refused Quick Mode with INVALID-SPI."
    assert failed.cause is Cause.REFUSED
    assert len(some.left.inbound) == 1
    assert_tidy(some.left)


def test_a_refusal_that_is_lost_is_told_again() -> None:
    some = link(left_child={"proposals": phase2("aes256gcm16")})
    dropped: list[Sent] = []

    def fate(sent: Sent) -> list[tuple[float, bytes]]:
        if len(some.wire) == 8:
            dropped.append(sent)
            return []
        return [(0.01, sent.send.data)]

    some.fate = fate
    failed, _ = fails(some)
    assert dropped
    assert failed.cause is Cause.NO_PROPOSAL
    assert failed.took < 1


# -- sentences that no scenario above reaches --------------------------------------------------------------------------


def failure(**changes: Any) -> Failure:
    known: dict[str, Any] = {
        "kind": "Main Mode", "initiator": True, "row": 1, "sent": True, "sends": 1, "seconds": 0.4,
        "local": "10.99.0.1:500", "remote": "10.99.0.2:500",
    }  # fmt: skip
    return Failure(**(known | changes))


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        (failure(row=0, sent=False), "Main Mode with 10.99.0.2:500 is about to begin."),
        (failure(), "Still no answer from 10.99.0.2:500 to message 1 of Main Mode (1 send in 0 s)."),
        (failure(row=2, sent=False), "Main Mode with 10.99.0.2:500 has come to message 2."),
        (
            failure(refusal="INVALID-COOKIE"),
            "10.99.0.2:500 refused message 1 with INVALID-COOKIE (not authenticated).",
        ),
    ],
)
def test_what_is_waited_for(known: Failure, sentence: str) -> None:
    assert waiting(known) == sentence


def test_every_sentence_is_one() -> None:
    grid: list[Failure] = []
    for kind in ("Main Mode", "Quick Mode"):
        for initiator in (True, False):
            for row in range(7):
                for refusal in ("", "NO-PROPOSAL-CHOSEN", "INVALID-ID-INFORMATION", "AUTHENTICATION-FAILED"):
                    for authenticated in (False, True):
                        for drops in ((), (DropReason.BAD_HASH, DropReason.BAD_HASH), (DropReason.MALFORMED,)):
                            for unreachable in ("", "host unreachable"):
                                grid.append(
                                    failure(
                                        kind=kind, initiator=initiator, row=row, refusal=refusal, drops=drops,
                                        authenticated=authenticated, unreachable=unreachable, local_id="me",
                                    )
                                )  # fmt: skip
    for known in grid:
        verdict = explain(known)
        assert verdict.sentence.endswith("."), verdict
        assert ".." not in verdict.sentence
        assert "  " not in verdict.sentence
        assert verdict.hints
        assert all(not hint.endswith(".") for hint in verdict.hints)
