"""Records one run of the example, prompts included, and keeps it as latprobe's own Parquet.

    python sample_traces/record_document_qa.py [--seconds 15]

Runs `examples/document_qa/app.py` under `latprobe run` in a store of its own, exports it to
`document_qa/` and blanks what tells of the machine it ran on (folders, command line, host).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
TARGET = HERE / "document_qa"
EXAMPLE = HERE.parent / "examples" / "document_qa" / "app.py"
PRIVATE = {"cwd": None, "argv": "python app.py", "host": "a laptop-sized machine, 2 cores"}


def main() -> None:
    """Replaces the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = str(Path(folder) / "store")
        latprobe("run", "--home", home, "--", sys.executable, str(EXAMPLE), "--seconds",
                 str(options.seconds))  # fmt: skip
        shutil.rmtree(TARGET, ignore_errors=True)
        latprobe("export", "--content", "--home", home, str(TARGET))
    path = TARGET / "runs.parquet"
    runs = pq.read_table(path)
    for name, value in PRIVATE.items():
        column = pa.array([value] * runs.num_rows, pa.string())
        runs = runs.set_column(runs.column_names.index(name), name, column)
    pq.write_table(runs, path, compression="zstd")


def latprobe(*arguments: str) -> None:
    """One command, as a person would type it."""
    subprocess.run([sys.executable, "-m", "latprobe.cli", *arguments], check=True)


if __name__ == "__main__":
    main()
