"""Keeps a recording of the vision example from a GPU machine as a sample trace.

    latprobe run --home H --kernels 2% -- python examples/vision_llm/app.py --requests 220
    latprobe export --home H FOLDER                      # both on the GPU machine
    python sample_traces/keep_vision_llm.py FOLDER

Copies FOLDER to `vision_llm/`, blanks what tells of the machine (host, folders, command line,
commit) and the paths of kernel traces, which are not kept.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

TARGET = Path(__file__).parent / "vision_llm"
PRIVATE = {
    "runs": {
        "cwd": None,
        "argv": "python app.py --requests 220",
        "host": "a machine with one NVIDIA H200",
        "git_commit": None,
    },
    "kernel_profiles": {"trace_path": None},
}


def main() -> None:
    """Replaces the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("exported", type=Path)
    options = parser.parse_args()
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir()
    shutil.copyfile(options.exported / "manifest.json", TARGET / "manifest.json")
    for path in sorted(options.exported.glob("*.parquet")):
        table = pq.read_table(path)
        if not table.num_rows:
            continue
        for name, value in PRIVATE.get(path.stem, {}).items():
            column = pa.array([value] * table.num_rows, pa.string())
            table = table.set_column(table.column_names.index(name), name, column)
        pq.write_table(table, TARGET / path.name, compression="zstd")


if __name__ == "__main__":
    main()
