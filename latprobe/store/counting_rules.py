"""What a run's own settings say of counting: its project's tokenizers and prices.

They come with the run, since the agent may have been started from elsewhere.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from latprobe.config import Settings
from latprobe.errors import UsageError
from latprobe.store.query import Query
from latprobe.store.runs import COUNTING_PREFIX
from latprobe.tokens.custom import CustomTokenizers
from latprobe.tokens.prices import Prices

log = logging.getLogger("latprobe.agent")


@dataclass(frozen=True, slots=True)
class Rules:
    """Counts and prices the calls of a run. `problem` says what of its settings is left out;
    `prices` is None where the run's cannot be meant: then nothing of it has a price."""

    tokenizers: CustomTokenizers
    prices: Prices | None
    problem: str | None = None


class CountingRules:
    """The rules of each run; the agent's own settings stand behind every run's.

    Raises UsageError where the agent's own cannot be meant.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._agents = Rules(CustomTokenizers(settings.tokenizers), Prices(settings.prices))
        self._texts: Mapping[int, str] = {}
        self._made: dict[str, Rules] = {}

    def look(self, query: Query) -> None:
        """Reads what has come with new runs."""
        found = query(f"SELECT key, value FROM meta WHERE starts_with(key, '{COUNTING_PREFIX}')")
        self._texts = {
            int(row["key"].removeprefix(COUNTING_PREFIX)): row["value"] for row in found.to_pylist()
        }

    def of(self, run_id: int) -> Rules:
        """The rules for a run's calls."""
        text = self._texts.get(run_id)
        if text is None:
            return self._agents
        if text not in self._made:
            self._made[text] = self._parsed(text)
        return self._made[text]

    def _parsed(self, text: str) -> Rules:
        said: Any = json.loads(text)
        tokenizers, prices = self._agents.tokenizers, None
        problems = []
        try:
            own = said[
                "tokenizers"
            ]  # stands before the agent's, of which the first that fits counts
            tokenizers = CustomTokenizers({**own, **self._settings.tokenizers, **own})
        except UsageError as error:
            problems.append(str(error))
        try:
            prices = Prices({**self._settings.prices, **said["prices"]})
        except UsageError as error:
            problems.append(str(error))
        for problem in problems:
            log.error("a run is counted without a part of its settings: %s", problem)
        return Rules(tokenizers, prices, " ".join(problems) or None)
