"""Parts, and what their hashes say."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from latprobe.tokens.part import Media, Part, cut_out, part_hash

PART = Part("input", "system", "system", "Be brief.")
IMAGE = Media("image", "image/png", 10, "ab" * 16, 1, 1, None, None, None)


def test_the_same_text_has_the_same_hash_in_any_kind() -> None:
    others = [PART._replace(kind="user", role="user"), PART._replace(side="output", name="x")]
    assert {part_hash(part) for part in [PART, *others]} == {part_hash(PART)}
    assert len(part_hash(PART)) == 16


@given(st.text(), st.text())
def test_only_the_same_text_has_the_same_hash(one: str, other: str) -> None:
    first, second = part_hash(PART._replace(text=one)), part_hash(PART._replace(text=other))
    assert (first == second) == (one == other)


def test_a_lone_surrogate_has_a_hash() -> None:
    assert part_hash(PART._replace(text="\ud800")) != part_hash(PART._replace(text="\ufffd"))


def test_a_payload_is_known_by_its_digest() -> None:
    image = Part("input", "image", "user", None, IMAGE)
    assert part_hash(image) == part_hash(image._replace(kind="document"))
    assert part_hash(image) != part_hash(image._replace(media=replace(IMAGE, sha256="cd" * 16)))


def test_a_payload_elsewhere_is_known_by_its_address() -> None:
    absent = replace(IMAGE, bytes=None, sha256=None)
    first = Part("input", "image", "user", None, absent, "https://x.org/1.png")
    assert part_hash(first) != part_hash(first._replace(name="https://x.org/2.png"))


def test_a_hash_that_was_kept_is_the_hash() -> None:
    kept = Part("input", "system", "system", None, hash="0f" * 16, bytes=9)
    assert part_hash(kept) == bytes.fromhex("0f" * 16)
    for broken in ("0f", "zz" * 16):
        assert len(part_hash(kept._replace(hash=broken))) == 16


def test_blanks_around_a_text_that_was_cut_out_do_not_change_its_hash() -> None:
    cut = cut_out("input", "retrieved", "user", " The pump.\n\n")
    whole = Part("input", "user", "user", "The pump.")
    assert (part_hash(cut), cut.text) == (part_hash(whole), " The pump.\n\n")
    assert cut_out("input", "retrieved", "user", "The pump.").hash is None
    assert cut_out("input", "retrieved", "user", " \n").hash is None
