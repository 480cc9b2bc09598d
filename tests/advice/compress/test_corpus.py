"""What is saved on the corpus, and that nothing of it is lost."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from latprobe.advice.compress.compose import best
from latprobe.advice.compress.contract import Kind
from latprobe.advice.compress.decode import decompress
from latprobe.advice.compress.meter import Meter
from latprobe.advice.compress.option import Compressed
from latprobe.advice.compress.request import best_request

CORPUS = Path(__file__).parents[1] / "corpus"
METER = Meter("gpt-4o")


def compressed(name: str) -> Compressed:
    text = (CORPUS / name).read_text("utf-8")
    if name == "chat.json":
        return best_request(json.loads(text), meter=METER)
    return best(text, meter=METER)


def saving(found: Compressed, kind: Kind) -> float:
    option = found.of(kind)
    return 0.0 if option is None else 1 - option.tokens_after / found.tokens_before


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("uniform.json", 0.58),
        ("nested.json", 0.55),
        ("rag.json", 0.36),
        ("cjk_escaped.json", 0.56),
        ("chat.json", 0.60),
        ("table.md", 0.26),
        ("service.log", 0.50),
        ("few_shot.txt", 0.40),
        ("tools.json", 0.40),
    ],
)
def test_the_lossless_saving_is_at_least(name: str, least: float) -> None:
    assert saving(compressed(name), "lossless") >= least


@pytest.mark.parametrize(
    "name", ["uniform.json", "nested.json", "rag.json", "cjk_escaped.json", "tools.json"]
)
def test_the_lossless_best_decodes_to_the_document(name: str) -> None:
    option = compressed(name).lossless
    assert option is not None
    decoded = decompress(option.text, *option.steps)
    original = json.loads((CORPUS / name).read_text("utf-8"))
    assert json.dumps(decoded) == json.dumps(original)


@pytest.mark.parametrize("name", ["service.log", "few_shot.txt"])
def test_the_lossless_best_decodes_to_the_text(name: str) -> None:
    option = compressed(name).lossless
    assert option is not None
    text = (CORPUS / name).read_text("utf-8")
    body = option.text.removesuffix("\n") if name == "service.log" else option.text
    assert decompress(body, *option.steps) == text.removesuffix("\n" if body != option.text else "")


def test_html_keeps_every_word_of_the_article() -> None:
    found = compressed("article.html")
    option = found.lossy
    assert option is not None
    assert saving(found, "lossy") >= 0.85
    html = (CORPUS / "article.html").read_text("utf-8")
    article = re.search(r"<article.*?>(.*?)<aside", html, re.DOTALL)
    assert article is not None
    # By hand, neither by the compressor's parser nor by that of its check.
    plain = re.sub(r"<[^>]*>", " ", article.group(1))
    for entity, character in {"&nbsp;": " ", "&ldquo;": "\u201c", "&rdquo;": "\u201d"}.items():
        plain = plain.replace(entity, character)
    words = re.findall(r"\w+", plain.replace("&rsquo;", "\u2019"))
    assert len(words) > 250
    assert re.findall(r"\w+", option.text) == words
    assert any(line.startswith("link /authors") for line in option.check.lost)


def test_code_keeps_its_tree_and_lists_its_comments() -> None:
    found = compressed("code.md")
    assert found.lossless is None
    assert found.near is not None
    assert "comment # Cancelled orders do not count." in found.near.check.lost
    assert '"""What each customer spent, in EUR."""' in found.near.text
    assert found.lossy is not None
    assert "https://example.org/totals" in found.lossy.text
    assert "never more than 500" not in found.lossy.text


def test_tool_schemas_say_that_their_blanks_are_not_billed() -> None:
    found = compressed("tools.json")
    assert found.near is not None
    assert found.near.notes[0].startswith("The vendor writes tool schemas anew")
    assert [option.steps for option in found.advisory] == [("tool_first_sentences",)]
