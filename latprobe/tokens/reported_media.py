"""What a call reported of its images' and its sound's tokens; that wins over any formula."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from latprobe.otel.semconv import MAX_COUNT

# gen_ai's registry, OpenInference, pydantic-ai (its own, and Gemini's details). The first wins.
_IMAGE_NAMES = ("gen_ai.usage.image.input_tokens", "gen_ai.usage.details.image_prompt_tokens")
_AUDIO_NAMES = (
    "gen_ai.usage.audio.input_tokens",
    "llm.token_count.prompt_details.audio",
    "gen_ai.usage.details.input_audio_tokens",
    "gen_ai.usage.details.audio_prompt_tokens",
)


class ReportedMedia(NamedTuple):
    """Tokens of the input; None where the call does not say."""

    image: int | None = None
    audio: int | None = None


NOTHING = ReportedMedia()


def reported_media(attributes: Mapping[str, object]) -> ReportedMedia:
    """The counts that a span's attributes hold; those that cannot be meant are left out."""
    image, audio = _first(attributes, _IMAGE_NAMES), _first(attributes, _AUDIO_NAMES)
    return NOTHING if image is None and audio is None else ReportedMedia(image, audio)


def _first(attributes: Mapping[str, object], names: tuple[str, ...]) -> int | None:
    for name in names:
        value = attributes.get(name)
        if type(value) is int and 0 <= value <= MAX_COUNT:
            return value
    return None
