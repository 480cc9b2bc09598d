"""Random documents: arbitrary JSON, and JSON as services send it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

# Lone surrogates too: JSON can say them, UTF-8 cannot.
TEXTS = st.text(max_size=20) | st.text(
    st.characters(codec=None, categories=("Cs", "Ll", "Nd", "Po", "Zs", "Cc")), max_size=8
)
AWKWARD = st.sampled_from(
    ["", " ", "1", "1.0", "true", "null", "-0", "~", "--", "#1", "a,b", 'say "x"', "{", "[1]",
     "a\nb", "table 1", "\u2028", "\x7f", "=1", "1e5", " x", "05", "NaN", "日本", "\ud83d\ude00",
     "|", "\\"]
)  # fmt: skip
KEYS = st.text(max_size=6) | st.sampled_from(
    ["a.b", "a", "b", "id", "columns", "rows", "defaults", "records", "keys", "data", "ids", "same",
     "x[]", "absent", "a=b", '"', "customer_identifier", "", " k"]
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**40), max_value=10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([1.0, -0.0, 1e22, 1e-7, 5e-324, 0.1])
    | TEXTS
    | AWKWARD
)
JSON = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=5) | st.dictionaries(KEYS, below, max_size=5),
    max_leaves=25,
)


@st.composite
def records(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Objects that share most of their keys, some of them with objects and lists of objects."""
    keys = draw(st.lists(KEYS, min_size=1, max_size=5, unique=True))
    pools = {key: draw(st.lists(SCALARS | JSON, min_size=1, max_size=3)) for key in keys}
    inner = draw(st.lists(KEYS, min_size=1, max_size=3, unique=True))
    rows = []
    for _ in range(draw(st.integers(2, 6))):
        row = {key: draw(st.sampled_from(pool)) for key, pool in pools.items()}
        if draw(st.booleans()):
            row["below"] = {key: draw(SCALARS) for key in inner}
        if draw(st.booleans()):
            row["items"] = [{key: draw(SCALARS) for key in inner} for _ in range(2)]
        if draw(st.integers(0, 5)) == 0 and len(row) > 1:
            del row[draw(st.sampled_from(list(row)))]
        rows.append(row)
    return rows


DOCUMENTS = (
    st.dictionaries(KEYS, JSON, max_size=5)
    | st.lists(JSON, max_size=6)
    | records()
    | st.fixed_dictionaries({"total": st.integers(), "results": records(), "next": st.none()})
)
