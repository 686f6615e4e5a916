"""A fact as a person is told it: whom it is about, how much it matters, and a sentence. Facts of an exchange name it by
its number only; the model knows whose it is."""

from dataclasses import dataclass

from ikeview.core.facts import Fact
from ikeview.model import State
from ikeview.record.sentences import Level, level, sentence, subject
from ikeview.ui.safe import safe


@dataclass(frozen=True, slots=True)
class Told:
    """``about`` is a tunnel, a peer or empty. All text is safe for a terminal."""

    about: str
    level: Level
    text: str


def told(fact: Fact, state: State) -> Told:
    """``state`` knows the fact's exchange, unless that is long past."""
    exchange = state.exchanges.get(getattr(fact, "exchange", ""))
    about = subject(fact) or (safe(exchange.tunnel or exchange.peer) if exchange else "")
    return Told(about, level(fact), sentence(fact, lambda name: exchange.kind if exchange else f"exchange {name}"))
