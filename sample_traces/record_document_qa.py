"""Records one run of the example, prompts included, and keeps it as latprobe's own Parquet.

    python sample_traces/record_document_qa.py [--seconds 45] [--concurrency 2]

Runs `examples/document_qa/app.py` under `latprobe run` in a store of its own, exports it to
`document_qa/`, blanks what tells of the machine it ran on (folders, command line, host, commit) and
prints what was recorded. The folder stays as it was if anything goes wrong. On a machine that does
other work the OCR waits for a core: look at the printed mean before you keep the result.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

HERE = Path(__file__).parent
TARGET = HERE / "document_qa"
EXAMPLE = HERE.parent / "examples" / "document_qa" / "app.py"
PRIVATE = {
    "cwd": None,
    "argv": "python app.py",
    "host": "a laptop-sized machine, 2 cores",
    "git_commit": None,
}
ROOT_STAGE = "document_qa.request"


def main() -> None:
    """Replaces the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=45)
    parser.add_argument("--concurrency", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home, made = str(Path(folder) / "store"), Path(folder) / "made"
        latprobe("run", "--home", home, "--", sys.executable, str(EXAMPLE), "--seconds",
                 str(options.seconds), "--concurrency", str(options.concurrency))  # fmt: skip
        latprobe("export", "--content", "--home", home, str(made))
        blank(made / "runs.parquet")
        said = summary(made)
        shutil.rmtree(TARGET, ignore_errors=True)
        shutil.copytree(made, TARGET)
    print(said)


def latprobe(*arguments: str) -> None:
    """One command, as a person would type it."""
    subprocess.run([sys.executable, "-m", "latprobe.cli", *arguments], check=True)


def blank(path: Path) -> None:
    """Overwrites what the runs say of the machine."""
    runs = pq.read_table(path)
    for name, value in PRIVATE.items():
        column = pa.array([value] * runs.num_rows, pa.string())
        runs = runs.set_column(runs.column_names.index(name), name, column)
    pq.write_table(runs, path, compression="zstd")


def summary(folder: Path) -> str:
    """What a person should look at before the recording is kept."""
    spans = pq.read_table(folder / "spans.parquet", columns=["name", "duration_ns"])
    roots = spans.filter(pc.equal(spans["name"], ROOT_STAGE))
    usage = pq.read_table(folder / "usage.parquet")
    kinds = set(pq.read_table(folder / "call_parts.parquet")["part"].to_pylist())
    templates = len(set(usage["template_id"].to_pylist()))
    residual = sum(map(abs, filter(None, usage["residual_input_tokens"].to_pylist())))
    mean_s = pc.mean(roots["duration_ns"]).as_py() / 1e9
    return (
        f"recorded: {roots.num_rows} requests, {mean_s:.2f} s each, {usage.num_rows} model calls "
        f"of {templates} templates, parts {', '.join(sorted(kinds))}, "
        f"{residual} tokens not explained"
    )


if __name__ == "__main__":
    main()
