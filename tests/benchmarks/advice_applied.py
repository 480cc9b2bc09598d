"""Whether following two suggestions on the example does what was predicted, round after round.

    python tests/benchmarks/advice_applied.py [--rounds 5] [--requests 120] [--seed 0] [--no-ocr]

Each round has a store of its own: the example runs, `latprobe advise` is asked, the suggestions
for compact JSON and for parallel look-ups are marked (where OCR is slow they save under 2 % and
stand among the small ones), the example runs with both switched on, and `latprobe applied` says
what was measured. One line a round; exit code 1 unless every round found both suggestions and
measured a p50 in the predicted interval. Rounds that do so like for like only (without what stages
moved that neither suggestion touches) are counted apart, and so are those whose predicted interval
holds the p50 from before: they prove little. The model's times are slept, but OCR and the rest need
the processor: run it with nothing else going on.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[2]
EXAMPLE = CHECKOUT / "examples" / "document_qa" / "app.py"
# The rules whose suggestions are followed, with the stage that each must be about.
FOLLOWED = {"output_format": "chat ", "parallel_stages": "lookup.account"}
_PROVES_LITTLE = ", as no change would be"
SWITCHES = ("--compact-answers", "--parallel-lookups")


@dataclass(frozen=True, slots=True)
class Round:
    """The example on one store; `app` are its options."""

    home: Path
    app: tuple[str, ...]

    def run_example(self, *switches: str) -> None:
        """Records the example until all is in the store."""
        self.latprobe("run", "--", sys.executable, str(EXAMPLE), *self.app, *switches)

    def latprobe(self, *command: str) -> str:
        """What a command of latprobe prints."""
        environment = {
            **os.environ,
            "LATPROBE_HOME": str(self.home),
            "LATPROBE_AGENT": "off",
            "PYTHONPATH": str(CHECKOUT),
        }
        return subprocess.run(
            [sys.executable, "-m", "latprobe.cli", *command],
            env=environment,
            check=True,
            text=True,
            stdout=subprocess.PIPE,
        ).stdout


def main() -> int:
    """Prints the rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=120)
    parser.add_argument("--concurrency", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the first round")
    parser.add_argument("--no-ocr", action="store_true", help="skip tesseract")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the stores there")
    options = parser.parse_args()
    outcomes: Counter[str] = Counter()
    for seed in range(options.seed, options.seed + options.rounds):
        home = Path(tempfile.mkdtemp(prefix=f"seed{seed}-", dir=options.keep))
        app = ["--requests", options.requests, "--concurrency", options.concurrency, "--seed", seed]
        app += ["--no-ocr"] if options.no_ocr else []
        try:
            words, outcome = _outcome(Round(home, tuple(map(str, app))))
        finally:
            if options.keep is None:
                shutil.rmtree(home)
        outcomes[outcome] += 1
        print(f"seed {seed}: {words}", flush=True)
    for outcome, rounds in outcomes.most_common():
        print(f"{rounds} of {options.rounds} rounds {outcome}")
    met = outcomes["as predicted"] + outcomes[f"as predicted{_PROVES_LITTLE}"]
    return 0 if met == options.rounds else 1


def _outcome(one: Round) -> tuple[str, str]:
    """What came of the round in one line, and its outcome."""
    one.run_example()
    advice = json.loads(one.latprobe("advise", "--json"))
    before = f"p50 {advice['p50_ms']:,.0f} ms of {advice['requests']}"
    made = [*advice["suggestions"], *advice["little"]]
    ids = {
        each["rule"]: each["id"]
        for each in made
        if each["subject"].startswith(FOLLOWED.get(each["rule"], "\0"))
    }
    if set(ids) != set(FOLLOWED):
        shown = "; ".join(each["title"] for each in made) or "nothing"
        unclear = "; ".join(f"{e['title']}: {e['reason']}" for e in advice["not_enough_data"])
        return (
            f"{before}, not suggested; suggested: {shown}; not enough data: {unclear}",
            "not suggested",
        )
    one.latprobe("applied", *ids.values())
    one.run_example(*SWITCHES)
    row = json.loads(one.latprobe("applied", "--json"))["applied"][0]
    proof = _PROVES_LITTLE if row["allows_no_change"] else ""
    return f"{before}, {_figures(row)}", row["outcome"] + proof


def _figures(row: dict[str, Any]) -> str:
    said = []
    for name in ("p50", "p95"):
        after = row["predicted"][name]
        low, high = after["ci95_ms"]
        value = row["measured"][f"{name}_ms"]["value"]
        said.append(
            f"{name} predicted {after['after_ms']:,.0f} ({low:,.0f} to {high:,.0f}), "
            f"measured {value:,.0f} ms"
        )
    alike = row["like_for_like"]
    if alike is not None:
        said.insert(1, f"like for like {alike['p50_ms']['value']:,.0f} ms")
    return " ".join([f"{'; '.join(said)}: {row['outcome']}.", *row["meanwhile"]])


if __name__ == "__main__":
    sys.exit(main())
