"""The runner by itself: one commit a message, turns, duplicates; and the limits of a tunnel's life."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from ikeview.core.facts import Cause, DropReason
from ikeview.core.ladder import ladder
from ikeview.core.lifecycle import limits
from ikeview.core.policy import Policy
from ikeview.core.refusals import Abort, Discard
from ikeview.core.runner import Exchange, Message, Run
from ikeview.core.specs import Role
from ikeview.wire.header import Header
from ikeview.wire.numbers import NotifyType
from ikeview.wire.payloads import Nonce, Payload
from ikeview.wire.reader import Malformed
from tests.support.specs import tunnel

POLICY = Policy()
COOKIES = (b"initiato", b"responde")


def say(text: str) -> "tuple[str, list[Payload]]":
    return text, [Nonce(text.encode().ljust(8, b"."))]


def hear(stage: str, message: Message) -> str:
    nonce = message.chain.first(Nonce)
    assert nonce is not None
    if nonce.data.startswith(b"drop"):
        raise Discard(DropReason.BAD_KEY)
    if nonce.data.startswith(b"abort"):
        raise Abort(NotifyType.NO_PROPOSAL_CHOSEN, Cause.NO_PROPOSAL, "no")
    return stage + "+" + nonce.data.decode().rstrip(".")


TALK = Exchange(
    "Talk", 2, ladder("HDR, Ni -->\n<-- HDR, Nr\nHDR, Ni -->"),
    ((lambda stage: say("one"), hear), (lambda stage: say("two"), hear), (lambda stage: say("three"), hear)),
    lambda row, stage, chain: (), responder_resends=True,
)  # fmt: skip


def run(role: Role) -> Run:
    return Run("x1", TALK, role, COOKIES, 0, "start", now=0.0, policy=POLICY)


def datagram(text: bytes) -> bytes:
    body = b"\0\0" + (len(text) + 4).to_bytes(2) + text
    return Header(*COOKIES, 10, 0x10, 2, 0, 0, 28 + len(body)).write() + body


def take(some: Run, data: bytes, now: float = 1.0) -> None:
    some.take(now, Header.read(data), data)


def test_turns() -> None:
    one, other = run(Role.INITIATOR), run(Role.RESPONDER)
    assert one.speaks
    assert not other.speaks
    with pytest.raises(LookupError):
        other.build(0)
    take(other, one.build(0).datagram)
    assert one.resends
    take(one, other.build(1).datagram)
    assert other.resends
    take(other, one.build(2).datagram)
    assert one.done
    assert other.done
    assert not one.resends
    assert not other.resends
    assert (one.stage, other.stage) == ("three", "two+three")
    with pytest.raises(Discard) as caught:
        take(other, datagram(b"once more"))
    assert caught.value.reason is DropReason.NOT_EXPECTED
    with pytest.raises(LookupError):
        one.build(3)


@pytest.mark.parametrize(
    ("text", "error"), [(b"drop....", Discard), (b"abort...", Abort), (b"short", Malformed), (b"x" * 300, Malformed)]
)
def test_a_refused_message_leaves_no_trace(text: bytes, error: type[Exception]) -> None:
    one = run(Role.INITIATOR)
    built = one.build(0)
    before = (one.stage, one.position, one.outstanding, one.sends, one.riders, one.channel)
    with pytest.raises(error):
        take(one, datagram(text))
    assert (one.stage, one.position, one.outstanding, one.sends, one.riders, one.channel) == before
    assert not one.knows(datagram(text))
    assert one.outstanding == built.datagram
    take(one, datagram(b"the true"))
    assert one.position == 2


def test_a_step_that_fails_leaves_no_trace_either() -> None:
    def fail(stage: str) -> "tuple[str, list[Payload]]":
        raise RuntimeError("broken")

    broken = replace(TALK, steps=((fail, hear), *TALK.steps[1:]))
    one = Run("x1", broken, Role.INITIATOR, COOKIES, 0, "start", now=0.0, policy=POLICY)
    with pytest.raises(RuntimeError):
        one.build(0)
    assert (one.stage, one.position, one.outstanding) == ("start", 0, None)


def test_a_duplicate_gets_what_was_sent_in_reply_to_it_so_many_times() -> None:
    one, other = run(Role.INITIATOR), run(Role.RESPONDER)
    first = one.build(0).datagram
    take(other, first)
    assert other.knows(first)
    assert other.again(first) is None, "nothing has been sent in reply yet"
    second = other.build(0).datagram
    for _ in range(POLICY.answered_duplicates):
        assert other.again(first) == (2, second)
    assert other.again(first) is None
    take(one, second)
    third = one.build(0).datagram
    assert one.again(second) == (3, third)
    take(other, third)
    assert other.again(third) is None, "the last row has no answer"
    assert other.again(first) is None, "row 3 has shown that row 2 arrived"


def test_a_refusal_is_told_again() -> None:
    other = run(Role.RESPONDER)
    data = datagram(b"abort...")
    with pytest.raises(Abort):
        take(other, data)
    other.refuse(data, b"no")
    assert other.again(data) == (0, b"no")


def test_waited_counts_from_the_first_send() -> None:
    one = run(Role.INITIATOR)
    one.build(5.0)
    one.sends += 3
    data = datagram(b"answer..")
    assert one.take(9.0, Header.read(data), data).waited == 4.0


# -- limits ------------------------------------------------------------------------------------------------------------

SPEC = tunnel("peer", left=True, lifetime=3600.0, rekey_margin=540.0)


@pytest.mark.parametrize(
    ("ours", "theirs", "agreed"),
    [(3600, 1800, 1800), (1800, 3600, 1800), (3600, 0, 3600), (3600, 5, 60), (30, 5, 30), (200_000, 10**12, 86_400)],
)
def test_the_shorter_lifetime_counts_within_bounds(ours: float, theirs: float, agreed: float) -> None:
    for role in Role:
        found = limits(replace(SPEC, lifetime=float(ours)), theirs, 0, role, POLICY, 0.5)
        assert found.lifetime == agreed
        assert 0 < found.rekeys_in < found.lifetime
        assert (found.soft_bytes, found.hard_bytes) == (None, None)


@pytest.mark.parametrize(
    ("ours", "theirs", "hard"), [(None, 0, None), (900, 0, 900), (None, 700, 700), (900, 700, 700)]
)
def test_the_smaller_byte_lifetime_counts(ours: int | None, theirs: int, hard: int | None) -> None:
    for chance in (0.0, 0.5, 0.999):
        one = limits(replace(SPEC, lifebytes=ours), 0, theirs, Role.INITIATOR, POLICY, chance)
        other = limits(replace(SPEC, lifebytes=ours), 0, theirs, Role.RESPONDER, POLICY, chance)
        assert one.hard_bytes == other.hard_bytes == hard
        if hard is not None:
            assert one.soft_bytes is not None
            assert other.soft_bytes is not None
            assert hard * 0.79 < one.soft_bytes < other.soft_bytes < hard


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("lifetime", [60.0, 600.0, 3600.0])
def test_the_initiator_rekeys_before_the_responder(chance: float, lifetime: float) -> None:
    spec = replace(SPEC, lifetime=lifetime)
    one = limits(spec, 0, 0, Role.INITIATOR, POLICY, chance)
    other = limits(spec, 0, 0, Role.RESPONDER, POLICY, chance)
    assert 0 < one.rekeys_in < other.rekeys_in < lifetime


def test_policy_adds_up() -> None:
    assert POLICY.resend_total == 26.0
    assert POLICY.half_open_life > POLICY.resend_total
    assert POLICY.answers_kept > POLICY.resend_total
    assert POLICY.answered_duplicates >= POLICY.resend_limit
    assert ip_network("10.1.1.0/24") == SPEC.local.network
