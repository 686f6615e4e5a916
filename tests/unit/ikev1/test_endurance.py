"""Twenty days of a tunnel at 20% loss; ``python -m tests.bench.tunnel_days`` has a thousand."""

import pytest

from tests.support.endurance import Story, live

SEEDS = [*range(8), *range(24, 32)]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tunnel_lives_on_a_bad_line(seed: int) -> None:
    result = live(seed, 1.25)
    assert not result.wrong, "\n".join(result.wrong)
    # it was really rekeyed each hour, really lost a fifth, and the line really did what the seed says
    assert result.told["SaInstalled"] >= 2 * 1.25 * 24
    assert result.told["Phase1Established"] >= 2 * 1.25 * 6
    assert 0.1 < result.packets["weather"] / result.packets["sent"] < 0.3
    assert bool(result.told["NAT"]) is result.story.nat
    assert not result.story.rebinds or result.told["PeerMoved"]


def test_every_mixture_comes_up() -> None:
    stories = [Story.of(seed, 1) for seed in SEEDS]
    for name in ("nat", "rebinds", "partitions", "bursts", "both_begin"):
        assert {getattr(each, name) for each in stories} == {True, False}, name
