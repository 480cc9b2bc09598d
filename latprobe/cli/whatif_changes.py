"""The changes that a `latprobe whatif` command line asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from latprobe.analysis.whatif.changes import (
    Batch,
    CacheHit,
    Change,
    Concurrency,
    Parallel,
    Remove,
    Replicas,
    Scale,
    Tokens,
)
from latprobe.errors import UsageError

_CHANGES = {
    "--scale",
    "--parallel-with",
    "--output-tokens",
    "--input-tokens",
    "--cache-hit",
    "--replicas",
    "--batch",
}
_OTHERS = {"--service", "--run", "--since", "--until", "--max-traces", "--home", "--concurrency"}


@dataclass(slots=True)
class _Stage:
    name: str | None
    wanted: list[tuple[str, str]] = field(default_factory=list)


def changes_of(typed: Sequence[str]) -> list[Change]:
    """The changes, each of the stage named last before it; one before all stages is of the first.

    Raises UsageError for a stage without a change, a change without a stage, or a bad value.
    """
    stages, together = _read(typed)
    changes: list[Change] = []
    for stage in stages:
        if stage.name is None:
            raise UsageError(f"{stage.wanted[0][0]} needs a stage: --stage NAME.")
        if not stage.wanted:
            raise UsageError(
                f"What is to change in {stage.name!r}? Add --scale 0.5, --remove or another change."
            )
        changes += _of_stage(stage.name, stage.wanted)
    changes += [Concurrency(_whole("--concurrency", text)) for text in together]
    if not changes:
        raise UsageError("Nothing is to change. Give --stage NAME with --scale 0.5, for example.")
    return changes


def _read(typed: Sequence[str]) -> tuple[list[_Stage], list[str]]:
    stages: list[_Stage] = [_Stage(None)]
    together: list[str] = []
    words = iter(typed)
    for word in words:
        option, equals, value = word.partition("=")
        if option == "--remove":
            stages[-1].wanted.append((option, ""))
        elif option == "--stage" or option in _CHANGES or option in _OTHERS:
            value = value if equals else next(words, "")
            if option == "--stage":
                stages.append(_Stage(value))
            elif option in _CHANGES:
                stages[-1].wanted.append((option, value))
            elif option == "--concurrency":
                together.append(value)
    early = stages[0].wanted
    if early and len(stages) > 1:
        stages[1].wanted[:0] = early
        early = []
    return (stages if early else stages[1:]), together


def _of_stage(stage: str, wanted: Sequence[tuple[str, str]]) -> list[Change]:
    changes: list[Change] = []
    tokens = Tokens(stage)
    for option, value in wanted:
        match option:
            case "--scale":
                changes.append(Scale(stage, float(value)))
            case "--remove":
                changes.append(Remove(stage))
            case "--parallel-with":
                changes.append(Parallel(stage, value))
            case "--cache-hit":
                changes.append(CacheHit(stage, float(value)))
            case "--replicas":
                changes.append(Replicas(stage, _whole(option, value)))
            case "--batch":
                changes.append(Batch(stage, _whole(option, value)))
            case _:
                tokens = _tokens(tokens, option, value)
    return [*changes, tokens] if tokens != Tokens(stage) else changes


def _tokens(known: Tokens, option: str, value: str) -> Tokens:
    factor = _factor(value)
    if option == "--input-tokens":
        if factor is None:
            raise UsageError(f"--input-tokens takes a change such as -80%, not {value!r}.")
        return Tokens(known.stage, factor, known.output_factor, known.output_limit)
    if factor is None:
        return Tokens(known.stage, known.input_factor, known.output_factor, _whole(option, value))
    return Tokens(known.stage, known.input_factor, factor, known.output_limit)


def _factor(value: str) -> float | None:
    """0.5 for "-50%", 1.2 for "+20%"; None for what is no change in percent."""
    if not value.endswith("%") or value[:1] not in "+-":
        return None
    try:
        return 1.0 + float(value[:-1]) / 100.0
    except ValueError:
        return None


def _whole(option: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        hint = " or a change such as -50%" if option == "--output-tokens" else ""
        raise UsageError(f"{option} takes a whole number{hint}, not {value!r}.") from None
