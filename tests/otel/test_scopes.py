"""A scope's name and version in one text, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprobe.otel.scopes import scope_parts, scope_text


@pytest.mark.parametrize(
    ("name", "version", "text"),
    [
        ("lib", "1.2", "lib@1.2"),
        ("lib", None, "lib"),
        ("lib", "", "lib"),
        ("@opentelemetry/http", "0.5", "@opentelemetry/http@0.5"),
        ("@opentelemetry/http", "", "@opentelemetry/http"),
        ("me@box", "", "me@box@"),
        ("", "1", "@1"),
    ],
)
def test_a_scope_is_its_name_and_version(name: str, version: str | None, text: str) -> None:
    assert scope_text(name, version) == text


@given(st.text(alphabet="a@/.", min_size=1), st.text(alphabet="1.ab"))
def test_both_come_back(name: str, version: str) -> None:
    assert scope_parts(scope_text(name, version)) == (name, version)
