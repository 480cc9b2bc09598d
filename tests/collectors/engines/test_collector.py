"""Each engine's page over a local server: what becomes of its figures."""

from __future__ import annotations

import pytest

from latprobe_collectors.contract import Sample
from latprobe_collectors.engines import endpoint
from latprobe_collectors.engines.collector import EngineCollector, engine_collectors
from latprobe_collectors.engines.endpoint import Endpoint, EngineError, read_endpoint
from latprobe_collectors.runner import CollectorRunner
from tests.collectors.engines.serving import pages, serving

SECOND = 1_000_000_000
MS = 1e6

FIRST = {
    "vllm": {
        "engine.queue_depth": 3.0,
        "engine.running": 12.0,
        "engine.kv_cache_used_pct": 37.5,
    },
    "sglang": {
        "engine.queue_depth": 2.0,
        "engine.running": 6.0,
        "engine.kv_cache_used_pct": 28.0,
    },
    "tgi": {"engine.queue_depth": 5.0, "engine.running": 16.0},
    "triton": {"engine.queue_depth": 18.0},
    "tensorflow_serving": {},
}
SECOND_PAGE = {
    "vllm": {
        "engine.queue_depth": 0.0,
        "engine.running": 2.0,
        "engine.kv_cache_used_pct": 5.0,
        "engine.queue_ns_mean": 100 * MS,
        "engine.prefill_ns_mean": 200 * MS,
        "engine.decode_ns_mean": 600 * MS,
        "engine.prompt_tokens_per_s": 1000.0,
        "engine.output_tokens_per_s": 100.0,
        "engine.requests_per_s": 2.0,
    },
    "sglang": {
        "engine.queue_depth": 0.0,
        "engine.running": 1.0,
        "engine.kv_cache_used_pct": 50.0,
        "engine.queue_ns_mean": 50 * MS,
        "engine.prefill_ns_mean": 100 * MS,
        "engine.prompt_tokens_per_s": 200.0,
        "engine.output_tokens_per_s": 100.0,
    },
    "tgi": {
        "engine.queue_depth": 0.0,
        "engine.running": 2.0,
        "engine.queue_ns_mean": 50 * MS,
        "engine.batch_size_mean": 8.0,
        "engine.prompt_tokens_per_s": 2000.0,
        "engine.output_tokens_per_s": 400.0,
        "engine.requests_per_s": 4.0,
    },
    "triton": {
        "engine.queue_depth": 0.0,
        "engine.queue_ns_mean": 2 * MS,
        "engine.inference_ns_mean": 70 * MS,
        "engine.request_ns_mean": 90 * MS,
        "engine.batch_size_mean": 8.0,
        "engine.requests_per_s": 2.0,
    },
    "tensorflow_serving": {
        "engine.queue_ns_mean": 3.7 * MS,
        "engine.inference_ns_mean": 2 * MS,
        "engine.request_ns_mean": 5 * MS,
        "engine.batch_size_mean": 8.4,
        "engine.requests_per_s": 4.0,
    },
}


class Clock:
    def __init__(self) -> None:
        self.wall = 1_700_000_000 * SECOND
        self.monotonic = 0

    def pass_s(self, seconds: float) -> None:
        self.wall += int(seconds * SECOND)
        self.monotonic += int(seconds * SECOND)


class Read:
    """A collector of pages that a test sets."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.page = ""
        self.collector = EngineCollector(
            Endpoint("mine", "http://gpu/metrics", ("gpu:80",)),
            read=lambda _: self.page,
            now_ns=lambda: self.clock.wall,
            monotonic_ns=lambda: self.clock.monotonic,
        )

    def next(self, page: str) -> dict[str, float]:
        self.page = page
        found = {s.metric: s.value for s in self.collector.collect()}
        self.clock.pass_s(5)
        return found


@pytest.mark.parametrize("engine", sorted(FIRST))
def test_an_engines_page_over_http_becomes_its_samples(engine: str) -> None:
    clock = Clock()
    with serving() as server:
        collector = EngineCollector(
            read_endpoint("mine", server.url),
            now_ns=lambda: clock.wall,
            monotonic_ns=lambda: clock.monotonic,
        )
        rounds: list[list[Sample]] = []
        for server.page in pages(engine):
            rounds.append(list(collector.collect()))
            clock.pass_s(5)

    first, second = ({s.metric: s.value for s in samples} for samples in rounds)
    assert first == pytest.approx(FIRST[engine])
    assert second == pytest.approx(SECOND_PAGE[engine])
    assert {(s.source, s.device) for s in rounds[1]} == {(engine, f"127.0.0.1:{server.port}")}


def test_after_a_restart_the_interval_has_no_means_and_no_rates() -> None:
    before, after = pages("vllm")
    read = Read()
    read.next(after)
    restarted = read.next(before)
    again = read.next(after)

    assert restarted == FIRST["vllm"]
    assert again == pytest.approx(SECOND_PAGE["vllm"])


def test_a_restart_shows_by_the_process_start_even_if_the_counters_are_higher() -> None:
    before, after = pages("vllm")
    read = Read()
    read.next(before)
    found = read.next(after.replace("1.7e+09", "1.8e+09"))
    assert set(found) == set(FIRST["vllm"])


def test_an_interval_in_which_nothing_was_done_has_no_means() -> None:
    before, _ = pages("triton")
    read = Read()
    read.next(before)
    assert read.next(before) == {"engine.queue_depth": 18.0, "engine.requests_per_s": 0.0}


def test_a_model_that_is_loaded_meanwhile_counts_from_zero() -> None:
    before, _ = pages("triton")
    new = (
        'nv_inference_request_success{model="new",version="1"} 4\n'
        'nv_inference_queue_duration_us{model="new",version="1"} 8000\n'
    )
    read = Read()
    read.next(before)
    assert read.next(before + new)["engine.queue_ns_mean"] == 2 * MS


@pytest.mark.parametrize("jump_s", [-3600, 3600])
def test_a_clock_that_is_set_or_a_machine_that_slept_makes_no_rate(jump_s: int) -> None:
    before, after = pages("tgi")
    read = Read()
    read.next(before)
    read.clock.wall += jump_s * SECOND
    assert set(read.next(after)) == set(FIRST["tgi"])


def test_after_a_long_absence_the_deltas_begin_anew() -> None:
    before, after = pages("tgi")
    read = Read()
    read.next(before)
    read.clock.pass_s(600)
    assert set(read.next(after)) == set(FIRST["tgi"])


@pytest.mark.parametrize("page", ["", "<html>hello</html>", "up 1\n", "\x00\xff{}\n" * 10])
def test_a_page_of_nobody_known_is_an_error(page: str) -> None:
    with pytest.raises(EngineError, match="not the page of an engine"):
        Read().next(page)


def test_an_engine_that_is_down_slow_or_refuses_is_counted_and_said_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server:
        [collector] = engine_collectors({"mine": server.url})
        runner = CollectorRunner([], lambda samples: None)
        server.status = 503
        refused = runner.collect([collector])
        server.status, server.is_slow = 200, True
        with monkeypatch.context() as impatient:
            impatient.setattr(endpoint, "TIMEOUT_S", 0.05)
            slow = runner.collect([collector])
        server.is_slow, server.page = False, pages("tgi")[0]
        server.release.set()
        well = runner.collect([collector])
    down = runner.collect([collector])

    assert (refused, slow, down) == ([], [], [])
    assert len(well) == 2
    assert runner.failures["mine"] == 3
    assert len(caplog.records) == 1
    assert "Service Unavailable" in caplog.text


def test_a_page_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "MAX_PAGE_BYTES", 100)
    with serving() as server:
        server.page = "x" * 1000
        with pytest.raises(EngineError, match="longer than"):
            endpoint.fetch(read_endpoint("mine", server.url))


def test_an_engine_called_elsewhere_has_its_samples_there() -> None:
    clock = Clock()
    triton = read_endpoint("t", "http://gpu:8002/metrics gpu:8000 gpu:8001")
    collector = EngineCollector(
        triton, read=lambda _: pages("triton")[0], now_ns=lambda: clock.wall
    )
    found = [(s.device, s.metric, s.value) for s in collector.collect()]
    assert found == [
        ("gpu:8000", "engine.queue_depth", 18.0),
        ("gpu:8001", "engine.queue_depth", 18.0),
    ]


@pytest.mark.parametrize(
    ("setting", "addresses"),
    [
        ("http://127.0.0.1:8000/metrics", ("127.0.0.1:8000",)),
        ("https://gpu.example/metrics", ("gpu.example:443",)),
        ("http://[::1]:8000/metrics", ("::1:8000",)),
    ],
)
def test_an_address_is_host_and_port(setting: str, addresses: tuple[str, ...]) -> None:
    assert read_endpoint("e", setting).addresses == addresses


@pytest.mark.parametrize("setting", ["", "localhost:8000", "file:///etc/passwd", "http://a:b/x"])
def test_what_is_no_http_address_is_refused(setting: str) -> None:
    with pytest.raises(EngineError, match="the engine e = "):
        read_endpoint("e", setting)
