"""Runs the tests of libraries that are too large, or pin too much, for `make test`.

Each set has an environment of its own: litellm and llama-index need openai 2, the openai tests are
for openai 3. `python tests/instrumentation/with_libraries.py [set ...]`, all sets without one.
Environments are made in build/instrumentation and kept.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
ENVIRONMENTS = CHECKOUT / "build" / "instrumentation"
COMMON = (
    "pytest>=9.2",
    "hypothesis>=6.170",
    "requests>=2.34",
    "httpx>=0.28",
    "opentelemetry-instrumentation-genai-openai==1.3b0",
    "opentelemetry-instrumentation-httpx==0.66b2",
    "opentelemetry-instrumentation-requests==0.66b2",
)
# Test file: what it needs beside COMMON. The versions are those that docs/instrumentation.md names.
SETS = {
    "langchain": (
        "langchain==1.4.7",
        "langchain-openai==1.7.3",
        "opentelemetry-instrumentation-genai-langchain==1.3b0",
    ),
    "llama_index": (
        "llama-index-core==0.14.25",
        "llama-index-llms-openai==0.8.3",
        "opentelemetry-instrumentation-genai-llama-index==1.3b0",
    ),
    "litellm": ("litellm==1.106.2", "openinference-instrumentation-litellm==0.1.51"),
    "servers": ("gunicorn>=26.0", "uvicorn>=0.54", "nbclient==0.11.0", "ipykernel==7.4.0"),
}


def main(names: list[str]) -> int:
    """Exit code: that of the first set whose tests fail, 2 for a set that is none."""
    unknown = sorted(set(names) - set(SETS))
    if unknown:
        print(f"No such set: {', '.join(unknown)}. Sets: {', '.join(SETS)}.", file=sys.stderr)
        return 2
    codes = [run_set(name) for name in names or SETS]
    return next((code for code in codes if code), 0)


def run_set(name: str) -> int:
    """Makes the environment if it is not there, and runs the set's test file in it."""
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--upgrade", "pip"], check=True)
        subprocess.run([*pip, *COMMON, *SETS[name], "-e", str(CHECKOUT)], check=True)
        (folder / "installed").touch()
    test = Path(__file__).parent / f"test_{name}.py"
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)]
    return subprocess.run(command, cwd=CHECKOUT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
