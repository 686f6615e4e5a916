"""Every fact has one plain line."""

from enum import StrEnum
from typing import Any, get_type_hints

import pytest

from ikeview.core import facts as f
from ikeview.core.facts import FACTS, Cause, DropReason, Fact, Sample
from ikeview.record.sentences import LEVELS, level, sentence, subject
from ikeview.record.units import count, day, duration, latency, size


def example(kind: type[Fact], text: str = "word") -> Fact:
    def value(hint: Any) -> Any:
        if hint is str:
            return text
        if isinstance(hint, type) and issubclass(hint, StrEnum):
            return next(iter(hint))
        if hint == tuple[str, ...]:
            return (text, text)
        if hint == tuple[Sample, ...]:
            return (Sample("aa", 1, 1, 1, 1),)
        return hint(2)

    return kind(**{name: value(hint) for name, hint in get_type_hints(kind).items()})


@pytest.mark.parametrize("kind", FACTS.values(), ids=list(FACTS))
def test_every_fact_has_a_sentence_of_its_own(kind):
    text = sentence(example(kind))
    assert text != kind.__name__
    assert len(text.split()) >= 2
    assert level(example(kind)) in LEVELS


@pytest.mark.parametrize("kind", FACTS.values(), ids=list(FACTS))
def test_no_sentence_lets_control_characters_through(kind):
    fact = example(kind, "\x1b]52;c;AAAA\x07\n\u202e\x9b")
    assert sentence(fact).isprintable()
    assert subject(fact).isprintable()


def test_sentences_are_bounded():
    assert len(sentence(example(f.TunnelDown, "x" * 5000))) <= 400


def test_exchanges_may_be_called_by_name():
    fact = f.RowSent("17", 3, 396, ("KE", "NONCE"), ("retry",))
    assert sentence(fact) == "message 3 of exchange 17 sent: KE, NONCE, 396 octets; retry"
    assert sentence(fact, lambda name: {"17": "Main Mode"}[name]).startswith("message 3 of Main Mode sent")


@pytest.mark.parametrize(
    ("fact", "wanted"),
    [
        (f.TunnelDown("a/b", Cause.NO_ANSWER, ""), "alert"),
        (f.TunnelDown("a/b", Cause.OPERATOR, ""), "notice"),
        (f.MessageDropped("a", "b", 1, DropReason.DUPLICATE, "", ""), "debug"),
        (f.MessageDropped("a", "b", 1, DropReason.MALFORMED, "", ""), "info"),
        (f.ProbeAnswered("a", 1, 0.1, 1.0), "debug"),
        (f.PeerSilent("a", 30.0), "alert"),
        (f.UserRefused("a", "anna", True, "wrong password"), "alert"),
        (f.TrafficStalled("a/b", 60.0, "phase 2 is made anew"), "alert"),
        (f.NameUnresolved("a", "gw.example", "no such name", ""), "notice"),
        (f.NameResolved("a", "gw.example", "192.0.2.1", 60.0, False), "debug"),
        (f.NameResolved("a", "gw.example", "192.0.2.1", 60.0, True), "notice"),
        (f.UserAuthenticated("a", "anna", True), "notice"),
        (f.PeerRemoved("a"), "info"),
        (f.ConfigReleased("a", True, "10.9.0.5"), "info"),
        (f.ProbeSent("a", 1, "icmp"), "debug"),
    ],
)
def test_levels(fact, wanted):
    assert level(fact) == wanted


ROAD = (
    "road", "any", "aggressive", "responder", "xauth-psk", "", "", ("aes256-sha256-modp1024",), 28800.0, "off",
)  # fmt: skip


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        (
            f.PeerConfigured(*ROAD, warnings=("modp1024 can be broken", "identities go in clear")),
            "configured: any, aggressive mode, xauth-psk, aes256-sha256-modp1024, keepalive off; take care: modp1024 "
            "can "
            "be broken; identities go in clear",
        ),
        (
            f.PeerConfigured(*ROAD, member_of="road"),
            "connected under road: any, aggressive mode, xauth-psk, aes256-sha256-modp1024, keepalive off",
        ),
        (f.PeerRemoved("road#2"), "the peer is gone, and its tunnels with it"),
        (
            f.CertificateTaken("a", "x", "CN=b", "CN=ca", "1", (), "RSA 2048", 1.79e9, 1.8e9, (), "checked"),
            "certificate of CN=b is good: issued by CN=ca, RSA 2048, valid from 2026-09-21 to 2027-01-15, not revoked",
        ),
        (
            f.CertificateTaken(
                "a", "x", "CN=b", "CN=ca", "1", (), "RSA 2048", 1.79e9, 1e300, (), "not checked: no list"
            ),
            "certificate of CN=b is good: issued by CN=ca, RSA 2048, valid from 2026-09-21 to no date, revocation "
            "not checked: no list",
        ),
        (f.UserAuthenticated("a", "anna", True), "user anna is authenticated"),
        (f.UserAuthenticated("a", "anna", False), "the peer takes us as user anna"),
        (f.UserRefused("a", "anna", True, "wrong password"), "user anna was refused: wrong password"),
        (f.UserRefused("a", "anna", False, "locked"), "the peer refused us as user anna: locked"),
        (
            f.ConfigAssigned(
                "a", False, "10.9.0.5", "255.255.255.0", ("10.1.0.53",), "example.net", "be nice", ("10.1.0.0/24",),
                ("NBNS 10.1.0.54: not supported",),
            ),
            "mode config gave us 10.9.0.5, DNS 10.1.0.53, domain example.net, networks 10.1.0.0/24, not used: NBNS "
            "10.1.0.54: not supported; it says: be nice",
        ),
        (f.ConfigAssigned("a", True, "10.9.0.5", "", (), "", "", (), ()), "mode config gave the peer 10.9.0.5"),
        (f.ConfigReleased("a", True, "10.9.0.5"), "address 10.9.0.5 of the peer is free"),
        (f.ConfigReleased("a", False, "10.9.0.5"), "our address 10.9.0.5 is given up"),
        (f.NameResolved("a", "gw.example", "192.0.2.1", 0.0, False), "gw.example is 192.0.2.1"),
        (
            f.NameResolved("a", "gw.example", "192.0.2.1", 300.0, True),
            "gw.example is now 192.0.2.1, looked up again in 5m00s",
        ),
        (f.NameUnresolved("a", "gw.example", "timeout", ""), "gw.example could not be looked up: timeout"),
        (
            f.NameUnresolved("a", "gw.example", "timeout", "192.0.2.1"),
            "gw.example could not be looked up: timeout; 192.0.2.1 is used on",
        ),
        (
            f.LifetimeNotified("a", "c3a7e891", 1800.0, 4_000_000),
            "the peer ends SA c3a7e891 earlier than we: after 30m or after 4.00 MB",
        ),
        (f.LifetimeNotified("a", "c3", 0.0, 0), "the peer ends SA c3 earlier than we: it does not say when"),
        (
            f.TrafficStalled("a/b", 60.0, "phase 2 is made anew"),
            "IKE answers, but none of its ESP has come in for 1m00s while we sent: phase 2 is made anew",
        ),
        (f.ProbeSent("a", 7, "icmp"), "echo request 7 sent"),
        (f.ProbeAnswered("a", 7, 0.02, 10.0, "icmp"), "echo request 7 answered after 20 ms"),
        (
            f.ProbeMissed("a", 7, 2, 10.0, "icmp"),
            "echo request 7 not answered, 2 in a row; dead in 10s",
        ),
        (f.ProbeMissed("a", 7, 2, 10.0), "keepalive 7 not answered, 2 in a row; dead in 10s"),
    ],
)  # fmt: skip
def test_words(fact, text):
    assert sentence(fact) == text


@pytest.mark.parametrize(
    ("wall", "text"),
    [(0.0, "1970-01-01"), (1.79e9, "2026-09-21"), (253402300799.0, "no end"), (1e12, "no date"), (-1e30, "no date"),
     (float("nan"), "no date"), (float("inf"), "no date")],
)  # fmt: skip
def test_days(wall, text):
    assert day(wall) == text


def test_subjects():
    assert subject(f.TunnelUp("tokyo/lan", 1.0)) == "tokyo/lan"
    assert subject(f.ProbeSent("tokyo", 1)) == "tokyo"
    assert subject(f.OrderRefused("rekey2", "tokyo/lan", "no SA")) == "tokyo/lan"
    assert subject(f.EngineStopped()) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0s"), (0, "0s"), (9.4, "9s"), (59.6, "1m00s"), (72, "1m12s"), (599, "9m59s"), (600, "10m"), (2460, "41m"),
     (3600, "1h00m"), (25920, "7h12m"), (86400, "1d00h"), (352_800, "4d02h")],
)  # fmt: skip
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1000, "1.00k"), (1235, "1.24k"), (9994, "9.99k"), (9996, "10.0k"), (88_000, "88.0k"),
     (99_960, "100k"), (999_499, "999k"), (999_501, "1.00M"), (2_790_000_000, "2.79G"), (10**18, "1000P")],
)  # fmt: skip
def test_counts_have_three_digits(number, text):
    assert count(number) == text
    assert size(number).endswith("B")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0004, "0.4 ms"), (0.009, "9.0 ms"), (0.031, "31 ms"), (8.3, "8.3 s"), (75, "1m15s"), (-1, "0.0 ms")],
)
def test_latencies(seconds, text):
    assert latency(seconds) == text
