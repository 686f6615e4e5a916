"""``ikeview groups``: what each Diffie-Hellman group costs on this machine, and how strong it is."""

import json
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ikeview.crypto.groups import GROUPS, Group

BUDGET = 2.0
"""Seconds after which no further round is begun; a round takes some hundredths of one."""
MOST_RUNS = 25


@dataclass(frozen=True, slots=True)
class Cost:
    """``seconds``: the median time of a key pair and a shared secret, what one end of an exchange has to do."""

    group: Group
    seconds: float
    runs: int


def measure(
    groups: Iterable[Group], clock: Callable[[], float] = time.perf_counter, budget: float = BUDGET
) -> list[Cost]:
    """All groups in turn, round after round, so that a busy moment of the machine falls on all of them; each at least
    once. The weakest come first, of equals the quickest."""
    deadline = clock() + budget
    # this also does what is done once for all exchanges with a group
    peers = {group: group.key_pair().public for group in groups}
    times: dict[Group, list[float]] = {group: [] for group in peers}
    for number in range(MOST_RUNS):
        for group, public in peers.items():
            if number and clock() >= deadline:
                break
            begun = clock()
            group.key_pair().shared(public)
            times[group].append(clock() - begun)
    costs = [Cost(group, statistics.median(each), len(each)) for group, each in times.items()]
    return sorted(costs, key=lambda cost: (cost.group.strength, cost.seconds))


def table(costs: list[Cost]) -> str:
    """The costs for a person."""
    lines = [f"{'STRENGTH':>8}  {'GROUP':9} {'NUMBER':>6} {'TIME':>11}"]
    for cost in costs:
        group = cost.group
        numbers = f"{group.strength:>3} bits  {group.name:9} {group.number:>6} {cost.seconds * 1000:>8.2f} ms"
        lines.append(f"{numbers}  weak: {group.weak}" if group.weak else numbers)
    fewest = min(cost.runs for cost in costs)
    lines.append("")
    lines.append(f"Time: a key pair and a shared secret on this machine, the median of at least {fewest} runs.")
    lines.append("A higher number is not a stronger group: numbers were given in the order of publication.")
    return "\n".join(lines)


def as_json(costs: list[Cost]) -> str:
    """The costs for a program, in the same order."""
    groups = [
        {
            "name": cost.group.name,
            "number": cost.group.number,
            "strength": cost.group.strength,
            "seconds": round(cost.seconds, 7),
            "runs": cost.runs,
            "weak": cost.group.weak or None,
        }
        for cost in costs
    ]
    return json.dumps({"groups": groups}, indent=2)


def show(*, json_wanted: bool) -> int:
    """Measure and print; the exit status."""
    costs = measure(GROUPS.values())
    print(as_json(costs) if json_wanted else table(costs))
    return 0
