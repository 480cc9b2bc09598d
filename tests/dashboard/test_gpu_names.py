"""What tells one card from another."""

from __future__ import annotations

from latprobe_dashboard import gpu_words
from latprobe_dashboard.gpu_queries import Card
from latprobe_dashboard.pages import gpu


def test_a_gpu_is_named_by_its_place_or_by_the_first_letters_of_its_id() -> None:
    ids = ("0", "GPU-21ffa854-3d6c-1f5e-9a0b-6c1d2e3f4a5b", "MIG-GPU-x/1/0")
    assert [gpu_words.short_id(each) for each in ids] == ["0", "21ffa854", "x/1/0"]
    card = Card("0", "NVIDIA H200", None, {}, services=("chat",), hosts=("node-7",))
    assert gpu.tab_words(card) == "NVIDIA H200 · 0 · chat"
    assert gpu.tab_words(Card("0", None, None, {}, hosts=("node-7",))) == "GPU · 0 · node-7"
    assert gpu.tab_words(Card("0", None, None, {})) == "GPU · 0"


def test_an_imported_card_shows_its_host_while_that_is_short() -> None:
    assert gpu_words.short_id("node-2/0") == "node-2/0"
    assert gpu_words.short_id("worker-17.cluster.example/1") == "1"


def test_cards_of_several_hosts_that_are_called_alike_are_told_apart() -> None:
    first = Card("0", None, None, {}, services=("chat",), hosts=("node-7",))
    second = Card("0", None, None, {}, services=("chat",), hosts=("node-8/../x",))
    assert gpu.tab_words(first, tells_hosts=True) == "GPU · 0 · chat · node-7"
    assert gpu.file_name(first, is_only=True) == "gpu-timeline"
    names = [gpu.file_name(each, is_only=False) for each in (first, second)]
    assert names == ["gpu-timeline-0-node-7", "gpu-timeline-0-node-8-x"]
