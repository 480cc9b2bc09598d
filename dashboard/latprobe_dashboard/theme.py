"""The palette: one fixed colour per modality and prompt part, on every page and in both themes.

The colours are distinguishable with normal, protan, deutan and tritan sight on both backgrounds.
Switching between light and dark does not rerun the script, so a colour is given to the browser as
`light-dark(..., ...)` wherever CSS reaches, and the browser chooses.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

THEME_FILE = Path(__file__).with_name("theme.toml")
STYLE_FILE = Path(__file__).with_name("style.css")
TOKENS_STYLE_FILE = Path(__file__).with_name("pages") / "tokens.css"
ICON_FILE = Path(__file__).with_name("icon.png")
WORDMARK_FILE = Path(__file__).with_name("wordmark.svg")


@dataclass(frozen=True, slots=True)
class Hue:
    """One lane of the palette: its key, its name for people, its colour in either theme."""

    key: str
    label: str
    light: str
    dark: str

    @property
    def css(self) -> str:
        return f"light-dark({self.light}, {self.dark})"


TEXT = Hue("text", "LLM / text", "#2145AC", "#608DFB")
IMAGE = Hue("image", "Image / vision", "#228271", "#6FD1AE")
AUDIO = Hue("audio", "Audio", "#C2860A", "#FCBC2E")
VIDEO = Hue("video", "Video", "#850A71", "#BF7AA6")
RETRIEVAL = Hue("retrieval", "Retrieval and tools", "#28A3B1", "#BBEDFF")
OTHER = Hue("other", "I/O, other", "#333333", "#656667")
WAITING = Hue("waiting", "Waiting, idle", "#C3CACF", "#414141")
HUES = (TEXT, IMAGE, AUDIO, VIDEO, RETRIEVAL, OTHER, WAITING)

ERROR = Hue("error", "Errors", "#B3250D", "#FF612F")

# The parts of a prompt and of its answer, in the order in which a model reads and writes them.
# Media and retrieved texts have their modality's colour, what has no text is neutral.
PARTS = (
    Hue("part-system", "System", "#2145AC", "#608DFB"),
    Hue("part-tools", "Tool schemas", "#8542F9", "#A83FB8"),
    Hue("part-few_shot", "Examples", "#D5B143", "#D1E998"),
    Hue("part-history", "History", "#C9A0F5", "#3767E6"),
    Hue("part-retrieved", "Retrieved", RETRIEVAL.light, RETRIEVAL.dark),
    Hue("part-user", "User", "#F0784A", "#D99A63"),
    Hue("part-image", "Images", IMAGE.light, IMAGE.dark),
    Hue("part-audio", "Audio", AUDIO.light, AUDIO.dark),
    Hue("part-video", "Video", VIDEO.light, VIDEO.dark),
    Hue("part-document", "Documents", "#8C5A2B", "#876A12"),
    Hue("part-other", "Not understood", "#9B8D70", "#686E7B"),
    Hue("part-overhead", "Chat template", "#B9C2CC", "#4C5662"),
    Hue("part-residual", "Unexplained", "#D5DBE0", "#39424D"),
    Hue("part-untaken", "Prompt not recorded", "#C3CACF", "#414141"),
    Hue("part-output", "Answer", "#1E2733", "#C3CBD6"),
    Hue("part-reasoning", "Reasoning", "#64534D", "#90816A"),
    Hue("part-tool_calls", "Tool calls", "#ABADA8", "#5C6673"),
)
_PART_OF_KIND = {hue.key.removeprefix("part-"): hue for hue in PARTS}
_PART_OF_KIND["not taken apart"] = _PART_OF_KIND["untaken"]

# What pipelines and the semantic conventions call their modalities, by lane.
_WORDS = {
    TEXT: ("text", "llm", "chat", "tokens", "prompt"),
    IMAGE: ("image", "vision", "document", "ocr", "page"),
    AUDIO: ("audio", "speech", "asr", "tts", "voice"),
    VIDEO: ("video", "frames"),
    RETRIEVAL: ("retrieval", "retrieve", "tool", "tools", "embedding", "search", "rerank"),
    WAITING: ("waiting", "wait", "queue", "idle"),
}
_LANE_OF_WORD = {word: hue for hue, words in _WORDS.items() for word in words}


def hue_of(modality: str | None) -> Hue:
    """The lane a stage's modality belongs to; what is unknown or None is "other"."""
    return _LANE_OF_WORD.get((modality or "").strip().lower(), OTHER)


def part_hue(kind: str) -> Hue:
    """The colour and the name of a kind of part; one that is new here is "not understood"."""
    return _PART_OF_KIND.get(kind, _PART_OF_KIND["other"])


def lane_of(modality: str | None) -> int:
    """The lane's place in HUES, as the packed waterfall carries it."""
    return HUES.index(hue_of(modality))
