"""Every fact has one plain line."""

from enum import StrEnum
from typing import Any, get_type_hints

import pytest

from ikeview.core import facts as f
from ikeview.core.facts import FACTS, Cause, DropReason, Fact, Sample
from ikeview.record.sentences import LEVELS, level, sentence, subject
from ikeview.record.units import count, duration, latency, size


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
    ],
)
def test_levels(fact, wanted):
    assert level(fact) == wanted


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
