"""Advice on generated pipelines: what is found, what is suggested for nothing, and how fast.

    python tests/benchmarks/advice.py [--seed 7] [--only WORD] [--speed]

One line a planted problem (tests/advice/planted/problems.py), a change that would cost
(costly.py) and a healthy pipeline (healthy.py), then the speed on 10,000 calls. Times are CPU time
of this process.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from latprobe.advice.advisor import advise
from latprobe.advice.answer import Advice
from tests.advice.pipelines import Recording
from tests.advice.planted import texts
from tests.advice.planted.costly import COSTLY, Costly
from tests.advice.planted.healthy import HEALTHY
from tests.advice.planted.problems import PLANTED, Planted
from tests.advice.planted.scenes import ask

CALLS, TEMPLATES = 10_000, 30
LONG_TOKENS = 10_000


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", default="", help="those whose name has this word")
    parser.add_argument("--speed", action="store_true", help="only the speed")
    options = parser.parse_args()
    if not options.speed:
        _precision(options.seed, options.only)
    if not options.only:
        _speed()


def _precision(seed: int, only: str) -> None:
    """Prints what is found, advised against and suggested for nothing."""
    planted = [each for each in PLANTED if only in each.name]
    places = [_line(each, seed) for each in planted]
    costly = [each for each in COSTLY if only in each.name]
    refused = sum(_is_refused(each, seed) for each in costly)
    healthy = [each for each in HEALTHY if only in each.__name__]
    wrong = 0
    for build in healthy:
        ranked = advise(build(seed).query()).ranked
        wrong += len(ranked)
        shown = ", ".join(each.suggestion.title for each in ranked) or "nothing"
        print(f"healthy  {build.__name__:<34} {shown}", flush=True)
    print(
        f"\nfound {sum(place > 0 for place in places)} of {len(planted)} planted, "
        f"{sum(place == 1 for place in places)} of them first; {refused} of {len(costly)} costly "
        f"changes advised against; {wrong} false in {len(healthy)} healthy pipelines"
    )


def _is_refused(costly: Costly, seed: int) -> bool:
    """Prints what came of one: "don't" by its rule, and nothing else."""
    advice = advise(costly.store(seed))
    rules = [suggestion.rule for suggestion in advice.dont]
    print(f"costly   {costly.name:<34} don't: {', '.join(rules) or 'not said'}", flush=True)
    return rules == [costly.rule] and not advice.ranked


def _line(planted: Planted, seed: int) -> int:
    """Prints what came of one, and gives its place, 0 where it was not found."""
    query = planted.store(seed)
    start = time.process_time()
    advice = advise(query)
    took = time.process_time() - start
    place = _place(planted, advice)
    shown = "not found" if place == 0 else f"rank {place} of {len(advice.ranked)}"
    others = [each.suggestion.rule for each in advice.ranked]
    print(f"planted  {planted.name:<34} {shown:<14} {took:5.2f} s  {', '.join(others)}", flush=True)
    return place


def _place(planted: Planted, advice: Advice) -> int:
    for place, each in enumerate(advice.ranked, 1):
        suggestion = each.suggestion
        if suggestion.rule in planted.rules and planted.subject in suggestion.subject:
            return place
    return 0


def _speed() -> None:
    print()
    _time(f"{CALLS:,} calls of {TEMPLATES} prompts of 2 kB", _many_calls())
    _time(f"20 calls of one prompt of {LONG_TOKENS:,} tokens", _long_prompt())
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process, with what was generated: {peak_mib:,.0f} MiB")


def _time(what: str, recording: Recording) -> None:
    query = recording.query()
    start = time.process_time()
    found = advise(query)
    took = time.process_time() - start
    print(f"{what}: {took:.1f} s CPU, {len(found.ranked)} suggestions", flush=True)


def _many_calls() -> Recording:
    found = Recording(seed=1)
    rng = found.random
    systems = [f"Desk {n}. {texts.paragraph(rng, 5)}" for n in range(TEMPLATES)]
    for number in range(CALLS // 2):
        with found.request("handle") as step:
            for half in range(2):
                which = (number * 2 + half) % TEMPLATES
                ask(step, texts.paragraph(rng, 3), name=f"llm.desk_{which}",
                    system=systems[which], user=texts.paragraph(rng, 18))  # fmt: skip
    return found


def _long_prompt() -> Recording:
    found = Recording(seed=2)
    for _ in range(20):
        with found.request("handle") as step:
            rows = [texts.record(found.random) for _ in range(140)]
            ask(step, texts.sentence(found.random), parts=(("context", texts.pretty(rows)),))
    return found


if __name__ == "__main__":
    main()
