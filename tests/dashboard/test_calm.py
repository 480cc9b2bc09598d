"""Work of seconds steps back while pages are drawn."""

from __future__ import annotations

import threading

from latprobe_dashboard.calm import Calm

LONG_S = 60.0


def test_work_goes_on_when_the_last_page_is_drawn() -> None:
    calm = Calm()
    done: list[bool] = []
    worker = threading.Thread(target=lambda: done.append(calm.wait(LONG_S)))
    with calm.drawing():
        with calm.drawing():
            worker.start()
        assert done == []
    worker.join(LONG_S)
    assert done == [True]


def test_a_page_that_waits_is_not_being_drawn() -> None:
    calm = Calm()
    with calm.drawing():
        assert not calm.wait(0)
        with calm.waiting():
            assert calm.wait(0)
        assert not calm.wait(0)
    assert calm.wait(0)


def test_a_page_that_failed_is_drawn_no_more() -> None:
    calm = Calm()
    try:
        with calm.drawing():
            raise ValueError
    except ValueError:
        pass
    assert calm.wait(0)
