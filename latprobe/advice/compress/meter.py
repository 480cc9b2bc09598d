"""Tokens of texts as a model counts them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from latprobe.tokens.counting import TokenCounter
from latprobe.tokens.models import Tokenizer, resolve

_shared = TokenCounter()


class Meter:
    """Counts for one model. Not exact for a model whose tokenizer is not known: `is_exact` says
    so, and `reason` why.

    `like` is a text and the tokens that the store counted for it. Estimates are scaled to that: the
    store learns a model's ratio from what is billed, and the same text is to show the same count.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        counter: TokenCounter | None = None,
        custom: Callable[[str], int] | None = None,
        like: tuple[str, int] | None = None,
    ) -> None:
        self.model = model
        self._counter = counter or _shared
        self._custom = custom
        self.tokenizer: Tokenizer = resolve(model)
        self._ratio = self.tokenizer.ratio
        if like is not None and not self.is_exact:
            [counted] = self._counter.count_many([like[0]], self.tokenizer.encoding)
            self._ratio = like[1] / counted if counted else self._ratio
        # What two models must share to share counts, and what is said of them.
        how = self.tokenizer
        self.key = f"{how.encoding} {self._ratio} {how.is_exact} {how.reason}"
        if custom is not None:
            self.key = f"custom {id(custom)} {model}"

    @property
    def is_exact(self) -> bool:
        return self._custom is not None or self.tokenizer.is_exact

    @property
    def reason(self) -> str | None:
        """Why counts are estimated; None where they are exact."""
        return None if self.is_exact else self.tokenizer.reason

    def count_many(self, texts: Sequence[str]) -> list[int]:
        """The tokens of each text, times the family's ratio where they are estimated."""
        if self._custom is not None:
            return [self._custom(text) for text in texts]
        counts = self._counter.count_many(texts, self.tokenizer.encoding)
        ratio = self._ratio
        return counts if ratio == 1.0 else [round(count * ratio) for count in counts]
