"""What `latprobe advise` answers: suggestions in order, and what the best save together."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from latprobe.advice.dominant import Dominant
from latprobe.advice.suggestion import Saving, Suggestion


@dataclass(frozen=True, slots=True)
class Ranked:
    """A suggestion in its place. `gain_share` is of p95, cost or tokens, whatever it is ranked by.

    `overlaps` are ids of better suggestions that save from the same; what those leave of its own
    saving is `left_share` (1: all of it).
    """

    suggestion: Suggestion
    score: float
    gain_share: float
    overlaps: tuple[str, ...] = ()
    left_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Combined:
    """What several suggestions save when all are followed, replayed at once.

    Tokens and cost are their sum, since none of them overlaps with another.
    """

    ids: tuple[str, ...]
    saving: Saving
    p50_after_ms: float | None
    p95_after_ms: float | None


@dataclass(frozen=True, slots=True)
class Advice:
    """Ranked suggestions to make; others "not enough data" or "don't", by rule.

    `little` are suggestions that save under 2 %, the best first. `refused` says why there is no
    advice at all; None where there could be. p50 and p95 are the requests' latency. `combined` is
    None with fewer than two suggestions that can be replayed together. `notes` are what advice
    could not see. `dominant` is where the time goes; None where no stage stands out, or there is no
    advice.
    """

    requests: int
    p50_ms: float | None
    p95_ms: float | None
    ranked: tuple[Ranked, ...] = ()
    unclear: tuple[Suggestion, ...] = ()
    dont: tuple[Suggestion, ...] = ()
    little: tuple[Ranked, ...] = ()
    combined: Combined | None = None
    refused: str | None = None
    notes: tuple[str, ...] = ()
    dominant: Dominant | None = None

    @property
    def small(self) -> int:
        """How many save under 2 %."""
        return len(self.little)

    @property
    def beside(self) -> str:
        """Where the time goes that none of the suggestions is about, as a sentence; "" where the
        best of them are about it, or no stage stands out."""
        if self.dominant is None or not self.ranked:
            return ""
        return self.dominant.beside([each.suggestion for each in self.ranked], self.unclear)

    def suggestion(self, start_of_id: str) -> Suggestion | None:
        """The suggestion whose id begins so, small ones too; None where none or several do."""
        both = (each.suggestion for each in (*self.ranked, *self.little))
        found = [each for each in both if each.id.startswith(start_of_id)]
        return found[0] if len(found) == 1 else None

    def to_json(self) -> dict[str, object]:
        """The documented keys of `latprobe advise --json`."""
        return {
            "requests": self.requests,
            "p50_ms": self.p50_ms,
            "p95_ms": self.p95_ms,
            "suggestions": [_row(each, place) for place, each in enumerate(self.ranked, start=1)],
            "combined": None if self.combined is None else asdict(self.combined),
            "not_enough_data": [each.to_json() for each in self.unclear],
            "dont": [each.to_json() for each in self.dont],
            "small": self.small,
            "little": [
                _row(each, place)
                for place, each in enumerate(self.little, start=len(self.ranked) + 1)
            ],
            "refused": self.refused,
            "notes": list(self.notes),
            "dominant": None if self.dominant is None else asdict(self.dominant),
        }


def _row(each: Ranked, place: int) -> dict[str, object]:
    return {
        **each.suggestion.to_json(),
        "rank": place,
        "score": each.score,
        "gain_share": each.gain_share,
        "overlaps": list(each.overlaps),
        "left_share": each.left_share,
    }
