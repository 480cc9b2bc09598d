"""What limits a stage on the GPU, and what is gained without that limit."""

from __future__ import annotations

import pytest

from latprobe.advice.context import Context
from latprobe.advice.rule import Rule
from latprobe.advice.rules import (
    gpu_bandwidth_bound,
    gpu_host_bound,
    gpu_launch_bound,
    gpu_throttled,
    gpu_transfer,
    slow_preprocessing,
)
from latprobe.advice.suggestion import Suggestion
from tests.advice.cards import Load, card, note, profile
from tests.advice.gains import p50_ms, saving
from tests.analysis.gpu.seeded_card import insert, sample
from tests.analysis.seeding import EPOCH_NS, MS, MemoryStore

RULES: tuple[Rule, ...] = (
    gpu_bandwidth_bound,
    gpu_host_bound,
    gpu_launch_bound,
    gpu_throttled,
    gpu_transfer,
    slow_preprocessing,
)


def found_by(rule: Rule, store: MemoryStore) -> Suggestion:
    (only,) = rule.find(Context(store))
    return only


def test_host_launch_and_preprocessing_each_have_their_stage() -> None:
    store = card(
        {
            "image.decode": Load(80, sm=0, utilization=0, cpu=0.99),
            "encode": Load(60, sm=85, tensor=60, utilization=99),
            "generate": Load(150, sm=12, utilization=20, cpu=0.98),
        }
    )
    context = Context(store)
    (host,) = gpu_host_bound.find(context)
    assert (host.subject, saving(host).basis) == ("generate", "bound")
    # A stage that lasts as long as its GPU is busy: a fifth of 150 ms is left.
    assert p50_ms(host) == pytest.approx(120, rel=0.1)
    (decode,) = slow_preprocessing.find(context)
    assert decode.subject == "image.decode"
    assert p50_ms(decode) == pytest.approx(80, rel=0.1)
    profile(store, 3, "generate", wall_ns=150 * MS, busy_ns=30 * MS, kernels=9000)
    launch = found_by(gpu_launch_bound, store)
    assert launch.subject == "generate"
    assert p50_ms(launch) == pytest.approx(120, rel=0.1)
    assert not list(gpu_host_bound.find(Context(store)))


def test_copies_from_memory_that_is_not_pinned() -> None:
    store = card({"upload": Load(100, sm=10), "encode": Load(100, sm=85, tensor=60)})
    profile(store, 1, "upload", wall_ns=100 * MS, busy_ns=70 * MS, kernels=10, copy_ns=60 * MS)
    note(store, 1, requests=120, h2d_bytes=500_000_000)
    copies = found_by(gpu_transfer, store)
    # 60 ms of copies become the 20 ms that 0.5 GB takes at 25 GB/s.
    assert p50_ms(copies) == pytest.approx(40, rel=0.1)


def test_weights_read_from_memory_are_worth_fewer_bits() -> None:
    store = card({"llm.decode": Load(200, sm=85, dram=80), "encode": Load(80, sm=85, tensor=60)})
    quantise = found_by(gpu_bandwidth_bound, store)
    assert quantise.subject == "llm.decode"
    assert p50_ms(quantise) == pytest.approx(200 * 0.4, rel=0.1)


def test_who_waits_for_a_loader_needs_no_cpu_time_to_be_seen() -> None:
    store = card({"dataloader.wait": Load(90, cpu=0.02), "train.step": Load(60, sm=85, tensor=60)})
    loader = found_by(slow_preprocessing, store)
    assert loader.title.startswith("Give the loader more workers: train.step waits")
    assert p50_ms(loader) == pytest.approx(90, rel=0.1)


def test_a_card_that_slows_its_clock() -> None:
    store = card({"encode": Load(200, sm=85, tensor=60), "other": Load(50, sm=85, tensor=60)})
    rows = []
    for at in range(0, 32_000, 100):
        time_ns = EPOCH_NS + at * MS
        rows.append(sample(time_ns, "gpu.throttle_reasons", 0x40))
        rows.append(sample(time_ns, "gpu.sm_clock_mhz", 1200))
    rows.append(sample(EPOCH_NS - 10 * MS, "gpu.sm_clock_mhz", 1800))
    insert(store, "samples", rows)
    encode = next(each for each in gpu_throttled.find(Context(store)) if each.subject == "encode")
    assert p50_ms(encode) == pytest.approx(200 / 3, rel=0.1)


def test_a_card_that_computes_and_no_card_at_all_stay_silent() -> None:
    healthy = card(
        {
            "image.decode": Load(8, sm=0, utilization=0, cpu=0.9),
            "encode": Load(100, sm=90, tensor=65, dram=30, utilization=99),
        }
    )
    for store in (healthy, card({"work": Load(50, sm=50)}, requests=30)):
        context = Context(store)
        assert [each for rule in RULES for each in rule.find(context)] == []
