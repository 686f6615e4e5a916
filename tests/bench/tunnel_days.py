"""A tunnel's days at 20% loss, many times over: ``python -m tests.bench.tunnel_days [--days 1000]``.

Each seed is a story of its own (``tests.support.endurance``): hourly rekeys of phase 2, four-hourly ones of phase 1,
keepalives, 20% loss (in some seeds in bursts), 5% duplicates, reordering; in some a NAT box that rebinds, and
partitions of up to 20 s. Real cryptography, virtual time. Nothing may be down longer than 30 s, and no SA and no timer
may be left at either end. What goes wrong is told with the facts before it and the line that repeats it; then the exit
status is 1.
"""

import argparse
import multiprocessing
import resource
import sys
import time
from collections import Counter

from tests.support.endurance import LONGEST_DOWN, Result, live

_TOLD = ("SaInstalled", "Phase1Established", "ExchangeFailed", "ProbeSent", "PeerSilent", "PeerMoved", "TunnelDown")


def main() -> int:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tunnel_days")
    parser.add_argument("--days", type=float, default=1000.0, help="tunnel-days over all seeds")
    parser.add_argument("--each", type=float, default=10.0, help="days of one seed")
    parser.add_argument("--seed", type=int, help="this seed alone")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    count = max(1, round(asked.days / asked.each))
    seeds = [asked.seed] if asked.seed is not None else list(range(asked.first, asked.first + count))
    begun = time.perf_counter()
    told: Counter[str] = Counter()
    packets: Counter[str] = Counter()
    results: list[Result] = []
    with multiprocessing.Pool(min(asked.processes, len(seeds))) as pool:
        for result in pool.imap_unordered(_live, [(seed, asked.each) for seed in seeds]):
            results.append(result)
            told += result.told
            packets += result.packets
            _print(result, asked.each)
        pool.close()
        pool.join()
    seconds = time.perf_counter() - begun
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    downs = [each for result in results for each in result.downs]
    days = asked.each * len(results)
    print(f"\n{days:g} tunnel-days in {seconds:.0f} s on {asked.processes} processes "
          f"({cpu:.0f} s of CPU, {cpu / days * 1000:.0f} ms a day)")
    print(", ".join(f"{told[name]} {name}" for name in _TOLD))
    print("packets: " + ", ".join(f"{count} {name}" for name, count in sorted(packets.items())))
    print(f"outages: {len(downs)}, the longest {max(downs, default=0.0):.1f} s (at most {LONGEST_DOWN:g}), "
          f"{sum(downs):.0f} s in all; at most {max(each.most_sas for each in results)} inbound SAs at once; "
          f"the longest without its counterpart {max(each.longest_alone for each in results):.0f} s")
    wrong = sum(bool(each.wrong) for each in results)
    print("all is well" if not wrong else f"{wrong} of {len(results)} seeds went wrong")
    return 1 if wrong else 0


def _live(task: tuple[int, float]) -> Result:
    return live(*task)


def _print(result: Result, each: float) -> None:
    print(f"seed {result.story.seed:4} {'ok   ' if not result.wrong else 'WRONG'} {result.datagrams} datagrams, "
          f"{len(result.downs)} outages, the longest {max(result.downs, default=0.0):.1f} s ({result.story.words})",
          flush=True)
    for text in result.wrong:
        print(text)
    if result.wrong:
        print(f"again: python -m tests.bench.tunnel_days --seed {result.story.seed} --each {each:g}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
