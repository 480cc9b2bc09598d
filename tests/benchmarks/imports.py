"""What the imports cost over bare Python, in fresh interpreters taken in turns.

    python tests/benchmarks/imports.py [--rounds N]

The median of the differences within each round; `latprobe.auto` runs with no agent and no
instrumentation allowed, as on a machine with nothing installed to instrument.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile

from latprobe.clock import monotonic_ns

PROGRAMS = {
    "bare": "pass",
    "opentelemetry api": "import opentelemetry.trace",
    "import latprobe": "import latprobe",
    "import latprobe.auto": "import latprobe.auto",
}


def took_ms(code: str, home: str) -> float:
    """Wall time of one interpreter."""
    environment = {
        # Installed packages have their bytecode; a checkout under this variable would compile anew.
        **{key: v for key, v in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"},
        "LATPROBE_HOME": home,
        "LATPROBE_AGENT": "off",
        "LATPROBE_SKIP_INSTRUMENT": "*",
    }
    start = monotonic_ns()
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    return (monotonic_ns() - start) / 1e6


def main() -> None:
    """Prints the medians beside what is promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    rounds: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as home:
        for code in PROGRAMS.values():
            took_ms(code, home)  # compiles
        for _ in range(options.rounds):
            rounds.append({name: took_ms(code, home) for name, code in PROGRAMS.items()})
    bare = statistics.median(one["bare"] for one in rounds)
    print(f"{'bare interpreter':24} {bare:6.1f} ms")
    promises = {"import latprobe": "at most 40", "import latprobe.auto": "at most 120"}
    for name in list(PROGRAMS)[1:]:
        over = statistics.median(one[name] - one["bare"] for one in rounds)
        promise = f"   (promised: {promises[name]})" if name in promises else ""
        print(f"{name:24} {over:6.1f} ms over it, {over / bare:.1f}x{promise}")


if __name__ == "__main__":
    main()
