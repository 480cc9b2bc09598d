"""What a provider's prompt cache keeps and bills, as data with a date and a source."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class PrefixRule:
    """A provider's rule. Prices are multiples of the input price; None: nothing is billed.

    `ttl_s` None: kept until it is pushed out. `is_automatic` False: the caller has to mark the
    prefix.
    """

    name: str
    minimum_tokens: int
    step_tokens: int
    ttl_s: float | None
    read_price: float | None
    write_price: float | None
    is_automatic: bool
    as_of: str | None
    source: str | None

    def usable(self, matched_tokens: int) -> int:
        """How many of the tokens that match are served from the cache."""
        beyond = matched_tokens - self.minimum_tokens
        if beyond < 0 or matched_tokens <= 0:
            return 0
        return self.minimum_tokens + beyond // self.step_tokens * self.step_tokens


# An engine of one's own (vLLM's blocks are of 16 tokens): no minimum, no clock, no bill.
LOCAL = PrefixRule("local engine", 0, 16, None, None, None, True, None, None)

# Without a provider, models by these names run at one place only.
_CLOSED = ("gpt-4*", "gpt-5*", "o1*", "o3*", "o4*", "chatgpt-*", "claude-*", "gemini-*")


def rule_for(provider: str | None, model: str | None) -> PrefixRule | None:
    """The provider's rule; LOCAL for an engine of one's own, None for a host that is not known."""
    small = (model or "").lower()
    hosted = provider is not None or any(fnmatchcase(small, each) for each in _CLOSED)
    for providers, models, rule in _rules():
        fits = provider is None or provider in providers
        if hosted and fits and any(fnmatchcase(small, each) for each in models):
            return rule
    # Own servers speak OpenAI's protocol, so their provider says nothing: their model does.
    return LOCAL if provider in (None, "openai") or _letters(provider) in _ENGINES else None


def _letters(provider: str) -> str:
    """ "llamacpp" for "llama.cpp", "llama-cpp" and "llama_cpp"."""
    return "".join(letter for letter in provider.lower() if letter.isalnum())


_ENGINES = frozenset(
    {
        "vllm", "sglang", "tgi", "textgenerationinference", "ollama", "llamacpp", "llamacpppython",
        "huggingface", "transformers", "lmstudio", "lmdeploy", "tensorrtllm", "mlx", "localai",
    }
)  # fmt: skip


@cache
def _rules() -> tuple[tuple[tuple[str, ...], tuple[str, ...], PrefixRule], ...]:
    text = files("latprobe.analysis.cache").joinpath("providers.toml").read_text("utf-8")
    found = []
    for row in tomllib.loads(text)["rule"]:
        providers, models = tuple(row.pop("providers")), tuple(row.pop("models"))
        found.append((providers, models, PrefixRule(**row)))
    return tuple(found)
