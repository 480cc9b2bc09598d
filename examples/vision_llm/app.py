"""Answers questions about pictures and prints how long that took.

python examples/vision_llm/app.py --requests 20
"""

import argparse
import statistics
import sys

import torch
from vision_llm import models, sizes, workload


def main() -> int:
    """Exit code 0."""
    options = _options()
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        print("vision_llm: torch sees no CUDA GPU; try --device cpu", file=sys.stderr)
        return 2
    size = options.size or ("large" if device == "cuda" else "small")
    loaded = models.load(sizes.BY_NAME[size], device=device)
    seconds = workload.run(loaded, number=options.requests, seed=options.seed)
    print(
        f"vision_llm: {len(seconds)} requests on {_name(device)}, {size} models with random weights"
        f": p50 {statistics.median(seconds) * 1e3:.0f} ms, longest {max(seconds) * 1e3:.0f} ms"
    )
    return 0


def _name(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else "the CPU"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Questions about pictures.")
    parser.add_argument("--requests", type=_some, default=20, metavar="N", help="default 20")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--size", choices=tuple(sizes.BY_NAME), help="of the models")
    parser.add_argument("--seed", type=int, default=0, help="of the pictures and questions")
    return parser.parse_args()


def _some(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
