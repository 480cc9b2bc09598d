"""`latprobe compress FILE`: the same content in fewer tokens, with what was checked."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latprobe.cli import options

if TYPE_CHECKING:
    from latprobe.advice.compress.meter import Meter
    from latprobe.advice.compress.option import Compressed


class Allow(StrEnum):
    """What may be the best."""

    LOSSLESS = "lossless"
    NEAR = "near"
    LOSSY = "lossy"


def add_to(app: typer.Typer) -> None:
    app.command("compress")(compress)


def compress(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A text, JSON, or a request; - is stdin.")
    ],
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="MODEL", help="Whose tokens; else the request's."),
    ] = None,
    allow: Annotated[
        Allow, typer.Option(help="What the best may do: keep all, normalise, or lose something.")
    ] = Allow.LOSSLESS,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the best text to a file.")
    ] = None,
    llmlingua: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Also try LLMLingua with these weights.")
    ] = None,
    prefill: Annotated[
        float | None,
        typer.Option(metavar="N", help="Tokens a second that the model reads, for LLMLingua."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Write a prompt or a document in fewer tokens; every way is counted, none chosen by rule.

    Lossless means that a decoder was run and gave the input back. Nothing is sent anywhere.
    """
    from latprobe.cli import messages, output
    from latprobe.cli.compress_report import as_document, print_report
    from latprobe.cli.request_file import not_json, read_text
    from latprobe.errors import UsageError

    text = read_text(file)
    if not text.strip():
        raise UsageError(f"{file} is empty; give a text.")
    with messages.working("Counting candidates"):
        meter, found = _best(text, model, allow.value)
        lingua = _llmlingua(text, llmlingua, prefill, meter) if llmlingua is not None else None
    fault = not_json(file, text)
    if fault is not None:
        found = replace(found, notes=(f"{fault}; it was treated as a text.", *found.notes))
    if out is not None:
        _write(out, found.best.text if found.best is not None else text)
    if as_json:
        output.data(as_document(found, meter.model, lingua))
    else:
        print_report(found, meter, lingua, is_written=out is not None)


def _best(text: str, model: str | None, allow: Any) -> tuple[Meter, Compressed]:
    from latprobe.advice.compress.compose import best
    from latprobe.advice.compress.exact_json import context_of
    from latprobe.advice.compress.meter import Meter
    from latprobe.advice.compress.request import best_request
    from latprobe.advice.compress.request_texts import is_request
    from latprobe.config import load_settings
    from latprobe.tokens.custom import CustomTokenizers

    value = context_of(text).value
    is_call = is_request(value)
    if model is None and is_call and isinstance(value, dict):
        named = value.get("model")
        model = named if isinstance(named, str) else None
    tokenizers = CustomTokenizers(load_settings().tokenizers)
    meter = Meter(model, custom=tokenizers.find(model))
    if is_call:
        return meter, best_request(value, meter=meter, allow=allow)
    return meter, best(text, allow=allow, meter=meter)


def _write(path: Path, text: str) -> None:
    from latprobe.errors import UsageError

    try:
        path.write_text(text, "utf-8", errors="surrogatepass")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None


def _llmlingua(
    text: str, folder: Path, prefill: float | None, meter: Meter
) -> dict[str, Any] | None:
    """What LLMLingua makes of the text, and whether its time pays; None for JSON."""
    from dataclasses import asdict

    from latprobe.advice.compress.exact_json import context_of
    from latprobe.advice.compress.llm_lingua import break_even, load

    compressor = load(str(folder))
    candidates = compressor.candidates(text, context_of(text))
    if not candidates:
        return None
    candidate = candidates[0]
    before, after = meter.count_many([text, candidate.text])
    pays = break_even(
        compressor_ms=compressor.spent_ms,
        saved_tokens=before - after,
        prefill_tokens_per_s=prefill,
    )
    return {
        "tokens_after": after,
        "lossless": False,
        "kind": candidate.kind,
        "advisory": True,
        "steps": list(candidate.steps),
        "check": asdict(candidate.check),
        "break_even": asdict(pays),
        "text": candidate.text,
    }
