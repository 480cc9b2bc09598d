"""What other systems know of a document: SIMULATED, each look-up waits as a database would make it.

The waits are drawn around MEDIAN_S; the values are made from the document's own bytes.
"""

from __future__ import annotations

import hashlib
import random
import time

from document_qa.pages import Page

MEDIAN_S = 0.200
"""Of a look-up on another machine: an assumption, not a measurement."""

_SIGMA = 0.2


def account(page: Page) -> str:
    """Whose document it is, by its first page."""
    number = _number(page, salt="account")
    _wait(number)
    return f"account {number % 9000 + 1000}, since {2010 + number % 15}"


def shelf(page: Page) -> str:
    """Where the document is filed, by its first page."""
    number = _number(page, salt="shelf")
    _wait(number)
    return f"rack {number % 40 + 1}, box {number % 700 + 1}"


def _number(page: Page, *, salt: str) -> int:
    digest = hashlib.blake2b(page.jpeg, key=salt.encode(), digest_size=4).digest()
    return int.from_bytes(digest)


def _wait(seed: int) -> None:
    time.sleep(MEDIAN_S * random.Random(f"{seed}/{time.monotonic_ns()}").lognormvariate(0, _SIGMA))
