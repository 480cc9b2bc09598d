"""How often attribution's intervals hold the truth on a simulated card whose stamps are off.

python -m tests.benchmarks.gpu.simulation [SEEDS]
"""

from __future__ import annotations

import sys

from latprobe.analysis.gpu.attribution import attribute
from latprobe.analysis.gpu.counters import PERCENT
from tests.analysis.gpu.simulated import Errors, simulate
from tests.analysis.gpu.test_attribution import PIPELINE, SHORT

REQUESTS = 220
CASES = (
    Errors(),
    Errors(stamp_ms=2),
    Errors(length=0.02),
    Errors(length=-0.05),
    Errors(drift_ms=10),
    Errors(drift_ms=40),
    Errors(level=0.05),
    Errors(stamp_ms=2, length=0.02, drift_ms=10, level=0.03),
)


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    for errors in CASES:
        held, told, asked = 0, 0, 0
        worst = {"8 ms and more": 0.0, "shorter": 0.0}
        for seed in range(seeds):
            for stages in (PIPELINE, SHORT):
                card = simulate(stages, requests=REQUESTS, seed=seed, errors=errors)
                found = attribute(card.segments, card.names, card.windows, most=PERCENT).stages
                for name, truth in card.truth.items():
                    stage = found[name]
                    asked += 1
                    if stage.value is None or stage.low is None or stage.high is None:
                        continue
                    told += 1
                    held += stage.low <= truth <= stage.high
                    kind = "8 ms and more" if stages[name][0] >= 8 else "shorter"
                    worst[kind] = max(worst[kind], abs(stage.value - truth))
        off = ", ".join(f"{kind} {points:.1f}" for kind, points in worst.items())
        print(f"{errors}: {held} of {told} held, {asked - told} not told, worst points: {off}")


if __name__ == "__main__":
    main()
