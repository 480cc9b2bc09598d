"""LLMLingua-type compressors behind the same shape, for who has the package and its weights.

Nothing is fetched: the weights are a folder on this machine, or the user's own PromptCompressor.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from latprobe.advice.compress.contract import Candidate, Context
from latprobe.advice.compress.retention import retention
from latprobe.clock import monotonic_ns
from latprobe.errors import UsageError


class PromptCompressor(Protocol):
    """What `llmlingua.PromptCompressor` has that is used here."""

    def compress_prompt(self, context: list[str], *, rate: float) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Whether compressing pays in time: `net_ms` is what a call gains, negative where it loses.

    `saved_ms` is None, and so is `net_ms`, where it is not known how fast the model reads.
    """

    compressor_ms: float
    saved_tokens: int
    saved_ms: float | None
    net_ms: float | None


def break_even(
    *, compressor_ms: float, saved_tokens: int, prefill_tokens_per_s: float | None
) -> BreakEven:
    """The compressor's time against the prefill time of the tokens it saves."""
    if not prefill_tokens_per_s:
        return BreakEven(compressor_ms, saved_tokens, None, None)
    saved_ms = saved_tokens / prefill_tokens_per_s * 1e3
    return BreakEven(compressor_ms, saved_tokens, saved_ms, saved_ms - compressor_ms)


class LlmLingua:
    """A compressor that drops tokens a small model can do without; lossy, advisory."""

    name = "llmlingua"

    def __init__(self, compressor: PromptCompressor, *, rate: float = 0.5) -> None:
        """`rate` is the share of tokens to keep. Raises UsageError for none between 0 and 1."""
        if not 0 < rate < 1:
            raise UsageError(f"LLMLingua keeps a share of the tokens; {rate} is not in 0 to 1.")
        self._compressor = compressor
        self._rate = rate
        self.spent_ms = 0.0

    def candidates(self, text: str, context: Context) -> list[Candidate]:
        """The text with tokens dropped, and in `spent_ms` the time it took; none for JSON."""
        if context.is_json or not text.strip():
            return []
        start = monotonic_ns()
        found = self._compressor.compress_prompt([text], rate=self._rate)
        self.spent_ms = (monotonic_ns() - start) / 1e6
        made = str(found["compressed_prompt"])
        check = retention(text, made).check(f"LLMLingua kept {self._rate:.0%} of its own tokens")
        return [Candidate(made, (self.name,), "lossy", check, advisory=True)]


def load(folder: str, *, rate: float = 0.5) -> LlmLingua:
    """LLMLingua with the weights in a folder; UsageError where the package or they are missing."""
    if find_spec("llmlingua") is None:
        raise UsageError("LLMLingua is not installed: pip install llmlingua, and name its weights.")
    from pathlib import Path

    if not Path(folder).is_dir():
        raise UsageError(f"There are no weights in {folder}; download them there first.")
    made: PromptCompressor = import_module("llmlingua").PromptCompressor(
        model_name=folder, use_llmlingua2=True, device_map="cpu"
    )
    return LlmLingua(made, rate=rate)
