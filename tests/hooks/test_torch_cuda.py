"""Stages on a GPU: event pairs, waits and copies, and that the program notices nothing."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import latprobe
from latprobe import guard, recorder
from latprobe.clock import monotonic_ns
from latprobe.config import Settings
from latprobe.gpu import pairs as pairs_module
from latprobe.gpu import waits as waits_module
from latprobe.gpu.captures import count_captures
from latprobe.gpu.cuda import Cuda, Stream
from latprobe.gpu.run_notes import FIRST_RUNS, REST
from latprobe.gpu.stages import LATE_AT_ONCE, RESOLVED_FROM, GpuStages
from latprobe.gpu.waits import note_waits
from latprobe.hooks import torch_cuda
from latprobe.recorder import Stage
from latprobe.testing import FakeClock, MemorySink
from tests.hooks.fake_cuda import Event, FakeCuda, fake_torch
from tests.hooks.needing import needs

PLAIN = (Stage.__enter__, Stage.__exit__, Stage.__aenter__, Stage.__aexit__)
PAIR = {"gpu_start_ns", "gpu_ns", "gpu_lag_ns", "device"}


@pytest.fixture
def cuda(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    for module in (pairs_module, waits_module):
        monkeypatch.setattr(module, "monotonic_ns", clock)
    return FakeCuda(clock)


@pytest.fixture
def gpu(cuda: FakeCuda, sink: MemorySink) -> Iterator[GpuStages]:
    """Stages with event pairs, as after CUDA's initialisation."""
    stages = GpuStages(cuda)  # type: ignore[arg-type]
    stages.install()
    yield stages
    stages.remove()
    assert (Stage.__enter__, Stage.__exit__, Stage.__aenter__, Stage.__aexit__) == PLAIN


@pytest.fixture
def torch(cuda: FakeCuda, gpu: GpuStages) -> Iterator[Any]:
    """A torch whose waits and copies are noted."""
    made = fake_torch(cuda)
    undo = note_waits(made, gpu.current_run)
    yield made
    undo()


def run(name: str, cuda: FakeCuda, *, host_ms: float = 1, gpu_ms: float = 0) -> None:
    with latprobe.stage(name):
        if gpu_ms:
            cuda.work(ms=gpu_ms)
        cuda.clock.advance(ms=host_ms)


def facts(sink: MemorySink, name: str) -> list[dict[str, Any]]:
    """The late facts of the stages of that name, in the order in which they became known."""
    ids = {span.span_id for span in sink.spans if span.name == name}
    return [values for _, _, span_id, values in sink.late if span_id in ids]


def test_a_stage_whose_work_outlasts_it_is_timed_on_the_gpu(
    gpu: GpuStages, cuda: FakeCuda, sink: MemorySink
) -> None:
    start_ns = cuda.clock.now_ns
    run("encode", cuda, host_ms=1, gpu_ms=40)
    assert sink.late == []
    cuda.wait()
    run("next", cuda)
    assert facts(sink, "encode") == [
        {
            "gpu_start_ns": start_ns,
            "gpu_ns": 40_000_000,
            "gpu_lag_ns": 39_000_000,
            "device": "GPU-0",
            "is_cold": True,
            "alloc_delta_bytes": 0,
        }
    ]


def test_work_that_waits_in_the_stream_starts_where_its_predecessor_ends(
    gpu: GpuStages, cuda: FakeCuda, sink: MemorySink
) -> None:
    start_ns = cuda.clock.now_ns
    with latprobe.stage("request"):
        run("encode", cuda, host_ms=1, gpu_ms=40)
        run("scan", cuda, host_ms=1, gpu_ms=30)
        cuda.wait()
    (scan,) = facts(sink, "scan")
    assert (scan["gpu_start_ns"], scan["gpu_ns"]) == (start_ns + 40_000_000, 30_000_000)
    (request,) = facts(sink, "request")
    assert (request["gpu_ns"], request["gpu_lag_ns"]) == (70_000_000, 0)


def test_a_busy_start_is_put_right_once_the_stream_was_idle(
    gpu: GpuStages, cuda: FakeCuda, sink: MemorySink
) -> None:
    cuda.work(ms=20)  # before any stage: the first event comes 20 ms after it was recorded
    run("first", cuda, host_ms=50)
    for _ in range(3):
        cuda.wait()
        start_ns = cuda.clock.now_ns
        run("later", cuda, host_ms=5, gpu_ms=2)
    run("end", cuda)
    assert facts(sink, "later")[-1]["gpu_start_ns"] == start_ns


def test_the_clock_follows_a_gpu_that_runs_slow(
    gpu: GpuStages, cuda: FakeCuda, sink: MemorySink
) -> None:
    for _ in range(40):
        cuda.clock.advance(ms=1000)
        cuda.ahead_ns -= 5_000  # 5 us a second
        run("step", cuda, host_ms=5)
    starts = [span.start_ns for span in sink.spans if span.name == "step"]
    found = [values["gpu_start_ns"] for values in facts(sink, "step")]
    assert max(abs(a - b) for a, b in zip(starts, found, strict=False)) <= 100_000


def test_the_clock_follows_a_gpu_that_runs_fast(
    gpu: GpuStages, cuda: FakeCuda, sink: MemorySink
) -> None:
    for _ in range(40):
        cuda.clock.advance(ms=1000)
        cuda.ahead_ns += 5_000
        run("step", cuda, host_ms=5)
    starts = [span.start_ns for span in sink.spans if span.name == "step"]
    found = [values["gpu_start_ns"] for values in facts(sink, "step")]
    assert max(abs(a - b) for a, b in zip(starts, found, strict=False)) <= 100_000


def test_events_are_used_again(gpu: GpuStages, cuda: FakeCuda, sink: MemorySink) -> None:
    for _ in range(50):
        run("step", cuda, host_ms=2)
    assert len(cuda.made) <= 4
    assert len(facts(sink, "step")) == 50


def test_short_stages_rest_and_long_ones_do_not(
    gpu: GpuStages, cuda: FakeCuda, sink: MemorySink
) -> None:
    runs = FIRST_RUNS + 1 + 2 * (REST + 1)
    for _ in range(runs):
        run("short", cuda, host_ms=0.1)
        run("long on the GPU", cuda, host_ms=0.1, gpu_ms=3)
        cuda.wait()
    run("end", cuda)
    assert len(facts(sink, "short")) == FIRST_RUNS + 1 + 2
    assert len(facts(sink, "long on the GPU")) == runs


def test_the_first_run_and_one_that_compiles_are_cold_with_what_is_around_them(
    gpu: GpuStages, cuda: FakeCuda, sink: MemorySink
) -> None:
    def request(*, compiles: bool) -> None:
        with latprobe.stage("request"):
            with latprobe.stage("model"):
                cuda.compiled += compiles
                cuda.clock.advance(ms=5)
            run("rest", cuda, host_ms=5)

    for compiles in (False, False, True, False):
        request(compiles=compiles)
    run("end", cuda)
    cold = {
        name: [values.get("is_cold", False) for values in facts(sink, name)]
        for name in ("request", "model", "rest")
    }
    assert cold == {
        "request": [True, False, True, False],
        "model": [True, False, True, False],
        "rest": [True, False, False, False],
    }


def test_the_allocator_is_asked_rarely_and_a_peak_is_told_when_it_rose(
    gpu: GpuStages, cuda: FakeCuda, sink: MemorySink
) -> None:
    for number in range(64):
        with latprobe.stage("step"):
            cuda.clock.advance(ms=5)
            cuda.memory[0] += 10
            cuda.memory[1] = max(cuda.memory[1], 2000 if number == 1 else 0)
    found = [values for values in facts(sink, "step") if "alloc_delta_bytes" in values]
    assert [values["alloc_delta_bytes"] for values in found] == [10] * 4
    assert [values.get("alloc_peak_bytes") for values in found] == [None, 2000, None, None]
    assert cuda.memory_asked == 8


def test_waits_and_copies_are_noted_with_the_innermost_stage(
    torch: Any, gpu: GpuStages, cuda: FakeCuda, sink: MemorySink
) -> None:
    host = torch.Tensor(cuda, is_cuda=False, nbytes=100)
    with latprobe.stage("request"):
        with latprobe.stage("load"):
            device = host.to("cuda")
            host.to("cuda", non_blocking=True)
            host.cuda(0, True)
        with latprobe.stage("read"):
            assert device.item() == 1.5
            assert device.cpu().is_cuda is False
            host.copy_(device)
            torch.cuda.synchronize()
            torch.cuda.Event().synchronize()
            torch.cuda.Stream().synchronize()
        host.item()
        host.to("cpu")
    noted = ("sync_wait_ns", "sync_waits", "h2d_bytes", "d2h_bytes", "copies")
    found = {
        name: [tuple(values.get(note) for note in noted) for values in facts(sink, name)]
        for name in ("load", "read", "request")
    }
    assert found == {
        "load": [(2_000_000, 1, 300, None, 3)],
        "read": [(26_000_000, 6, None, 300, 2)],
        "request": [(None, None, None, None, None)],
    }


def test_what_torch_raises_passes_through(
    torch: Any, gpu: GpuStages, cuda: FakeCuda, sink: MemorySink
) -> None:
    with latprobe.stage("read"), pytest.raises(TypeError):
        torch.Tensor(cuda, is_cuda=True).to()
    assert [span.name for span in sink.spans] == ["read"]


def test_replaced_methods_pass_for_the_originals_and_are_put_back(cuda: FakeCuda) -> None:
    made = fake_torch(cuda)
    kind = made.Tensor
    originals = {name: getattr(kind, name) for name in ("to", "item", "copy_")}
    synchronize, low = made.cuda.Stream.synchronize, made._C._cuda_synchronize
    undo = note_waits(made, lambda: None)
    for name, original in originals.items():
        now = getattr(kind, name)
        assert now is not original
        assert now == original
        assert original == now
        assert now in {original}
        assert original in {now}
        assert (now.__name__, now.__qualname__) == (original.__name__, original.__qualname__)
    assert kind(cuda, is_cuda=True).item() == 1.5
    undo()
    assert all(name not in vars(kind) for name in originals)
    assert (made.cuda.Stream.synchronize, made._C._cuda_synchronize) == (synchronize, low)


def test_while_a_graph_is_recorded_nothing_is_asked_or_put_into_it(
    gpu: GpuStages, cuda: FakeCuda, sink: MemorySink
) -> None:
    made = fake_torch(cuda)
    undo = count_captures(made, gpu)
    run("before", cuda, host_ms=5)
    with latprobe.stage("around"):
        graph = made.cuda.CUDAGraph()
        graph.capture_begin()
        made_so_far = len(cuda.made)
        run("inside", cuda, host_ms=5, gpu_ms=5)
        thread = threading.Thread(target=run, args=("beside", cuda))
        thread.start()
        thread.join()
        assert len(cuda.made) == made_so_far
        graph.capture_end()
    cuda.wait()
    run("after", cuda, host_ms=5)
    undo()
    assert gpu.captures == 0
    assert [len(facts(sink, name)) for name in ("before", "inside", "beside")] == [1, 0, 0]
    assert len(sink.spans) == 5


def test_streams_and_devices_have_pairs_of_their_own(
    gpu: GpuStages, cuda: FakeCuda, sink: MemorySink
) -> None:
    for device in (0, 1):
        cuda.current = Stream(device, f"stream {device}")
        run(f"on {device}", cuda, host_ms=1, gpu_ms=10 * (device + 1))
    cuda.clock.advance(ms=30)
    run("end", cuda)
    assert [
        (values["device"], values["gpu_ns"])
        for name in ("on 0", "on 1")
        for values in facts(sink, name)
    ] == [("GPU-0", 10_000_000), ("GPU-1", 20_000_000)]


def test_a_device_that_was_never_used_is_left_alone(
    gpu: GpuStages, cuda: FakeCuda, sink: MemorySink
) -> None:
    cuda.has_context = False
    run("step", cuda)
    assert (cuda.made, sink.late, sink.names()) == ([], [], ["step"])


def test_a_gpu_that_hangs_costs_bounded_memory(
    gpu: GpuStages, cuda: FakeCuda, sink: MemorySink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs_module, "MAX_PENDING", 10)
    cuda.work(ms=1e9)
    for _ in range(30):
        run("step", cuda, host_ms=5)
    assert (gpu.pairs.pending, gpu.pairs.given_up) == (10, 20)
    assert all("gpu_ns" not in values for values in facts(sink, "step"))


def test_within_a_request_cuda_is_asked_only_where_many_pairs_wait(
    gpu: GpuStages, cuda: FakeCuda, sink: MemorySink, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    query = cuda.query

    def asking(event: Event) -> bool:
        asked.append(event)
        return query(event)

    monkeypatch.setattr(cuda, "query", asking)
    with latprobe.stage("request"):
        for _ in range(RESOLVED_FROM - 1):
            run("step", cuda, host_ms=5)
        few = (len(asked), len(sink.late))
        for _ in range(LATE_AT_ONCE):
            run("step", cuda, host_ms=5)
        many = len(sink.late)  # before the request is over
    assert few == (0, 0)
    assert many >= LATE_AT_ONCE
    assert len(facts(sink, "step")) == RESOLVED_FROM - 1 + LATE_AT_ONCE


def test_waits_of_stages_without_pairs_are_written_during_a_long_request(
    torch: Any, gpu: GpuStages, cuda: FakeCuda, sink: MemorySink
) -> None:
    value = torch.Tensor(cuda, is_cuda=True)
    cuda.has_context = False  # no pairs here
    with latprobe.stage("request"):
        for _ in range(LATE_AT_ONCE):
            with latprobe.stage("step"):
                value.item()
        written = len(facts(sink, "step"))
    assert written == LATE_AT_ONCE


def test_at_the_end_what_is_done_is_written_and_nothing_is_waited_for(
    gpu: GpuStages, cuda: FakeCuda, sink: MemorySink
) -> None:
    with latprobe.stage("request"):
        run("done", cuda, host_ms=5, gpu_ms=5)
        run("going on", cuda, host_ms=5, gpu_ms=500)
    before = cuda.clock.now_ns
    gpu.close()
    assert [len(facts(sink, name)) for name in ("done", "going on")] == [1, 0]
    assert cuda.clock.now_ns == before


def test_asynchronous_stages_and_generators_get_no_pair(
    gpu: GpuStages, cuda: FakeCuda, sink: MemorySink
) -> None:
    async def work() -> None:
        async with latprobe.stage("asynchronous"):
            cuda.clock.advance(ms=5)

    @latprobe.stage("items")
    def items() -> Iterator[int]:
        yield 1
        cuda.clock.advance(ms=5)

    asyncio.run(work())
    assert list(items()) == [1]
    assert sorted(sink.names()) == ["asynchronous", "items"]
    assert (cuda.made, sink.late) == ([], [])


@pytest.mark.parametrize("enters_twice", [False, True])
def test_errors_of_the_program_and_stages_entered_twice_are_as_ever(
    gpu: GpuStages,
    cuda: FakeCuda,
    sink: MemorySink,
    monkeypatch: pytest.MonkeyPatch,
    enters_twice: bool,
) -> None:
    monkeypatch.setattr(guard, "_strict", False)
    made = latprobe.stage("step")

    def fail() -> None:
        with made:
            if enters_twice:
                with made:
                    pass
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [span.status for span in sink.spans] == ["unset" if enters_twice else "error"]


def test_an_error_of_cuda_turns_events_off_and_is_no_error_of_the_stage(
    gpu: GpuStages,
    cuda: FakeCuda,
    sink: MemorySink,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guard, "_OURS", (*guard._OURS, os.path.dirname(__file__)))
    monkeypatch.setattr(guard, "faults", {})
    cuda.fault = RuntimeError("CUDA error: device-side assert triggered\nCompile with ...")
    with latprobe.stage("request"):
        run("step", cuda)
        run("step", cuda)
    assert [(span.name, span.status) for span in sink.spans] == [
        ("step", "unset"), ("step", "unset"), ("request", "unset"),
    ]  # fmt: skip
    said = capsys.readouterr().err
    assert said.count("device-side assert") == 1
    assert "Compile with" not in said


def test_threads_end_their_own_stages(gpu: GpuStages, cuda: FakeCuda, sink: MemorySink) -> None:
    def work() -> None:
        for _ in range(20):
            run("step", cuda, host_ms=2)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gpu.close()
    assert len(sink.spans) == 80
    assert len({late[2] for late in sink.late}) == len(sink.late) == 80


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_child_uses_no_event(gpu: GpuStages, cuda: FakeCuda, sink: MemorySink) -> None:
    with latprobe.stage("around"):
        made = len(cuda.made)
        child = os.fork()
        if not child:
            code = 1
            try:
                gpu.forget()
                run("in child", cuda)
                gpu.close()
                is_plain = (Stage.__enter__, Stage.__exit__) == PLAIN[:2]
                code = 0 if is_plain and len(cuda.made) == made and not sink.late else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sink.names() == ["around"]


# -- the hook itself, on the real torch ---------------------------------------------------------


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The real torch, whose CUDA can be said to come up."""
    module = needs("torch")
    state = SimpleNamespace(up=False)

    def lazy_init() -> None:
        state.up = True

    monkeypatch.setattr(module.cuda, "is_initialized", lambda: state.up)
    monkeypatch.setattr(module.cuda, "_lazy_init", lazy_init)
    clock = FakeClock(monotonic_ns())
    monkeypatch.setattr("latprobe.gpu.cuda.Cuda", lambda torch: FakeCuda(clock))
    return module


def test_nothing_changes_until_cuda_is_initialised_and_undo_restores_all(
    real: Any, sink: MemorySink
) -> None:
    before = (real.cuda._lazy_init, vars(real.Tensor).get("item"), real.cuda.Stream.synchronize)
    undo = torch_cuda.instrument(Settings(home=Path("unused")))
    assert (Stage.__enter__, vars(real.Tensor).get("item")) == (PLAIN[0], before[1])
    real.cuda._lazy_init()
    assert real.cuda._lazy_init is before[0]
    assert Stage.__enter__ is not PLAIN[0]
    with latprobe.stage("step"):
        pass
    undo()
    after = (real.cuda._lazy_init, vars(real.Tensor).get("item"), real.cuda.Stream.synchronize)
    assert after == before
    assert (Stage.__enter__, Stage.__exit__, Stage.__aenter__, Stage.__aexit__) == PLAIN
    assert torch_cuda.active is None
    assert set(sink.late[0][3]) >= PAIR


def test_undone_before_cuda_comes_up_it_never_acts(real: Any) -> None:
    original = real.cuda._lazy_init
    torch_cuda.instrument(Settings(home=Path("unused")))()
    assert real.cuda._lazy_init is original


def test_cuda_that_is_up_already_is_met(real: Any) -> None:
    real.cuda._lazy_init()
    undo = torch_cuda.instrument(Settings(home=Path("unused")))
    assert torch_cuda.active is not None
    undo()
    assert torch_cuda.active is None


def test_torch_is_not_imported_by_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torch"]:
        monkeypatch.delitem(sys.modules, name)
    undo = torch_cuda.instrument(Settings(home=Path("unused")))
    assert "torch" not in sys.modules
    undo()


def test_compiled_code_breaks_where_it_did_and_gives_the_same(real: Any, sink: MemorySink) -> None:
    import torch._dynamo as dynamo
    from torch._dynamo.testing import CompileCounter

    def model(x: Any, y: Any) -> tuple[Any, ...]:
        total = x.sum().item()
        moved = (x + total).to(real.float64).cpu()
        return moved * 2, moved.tolist(), real.empty_like(y).copy_(x)

    def compiled() -> tuple[Any, ...]:
        dynamo.reset()
        explained = dynamo.explain(model)(real.ones(3), real.ones(3))
        dynamo.reset()
        counter = CompileCounter()
        function = real.compile(model, backend=counter)
        results = [str(function(real.ones(3), real.ones(3))) for _ in range(3)]
        return (
            explained.graph_count, explained.graph_break_count,
            counter.frame_count, counter.op_count, results,
        )  # fmt: skip

    plain = compiled()
    undo = torch_cuda.instrument(Settings(home=Path("unused")))
    real.cuda._lazy_init()
    with latprobe.stage("model"):
        hooked = compiled()
    undo()
    assert hooked == plain


def test_compiling_makes_a_run_cold(real: Any) -> None:
    counted = Cuda.compilations
    before = counted(None)  # type: ignore[arg-type]  # asks torch._dynamo only
    real.compile(lambda x: x + before + 1.5, backend="eager")(real.ones(2))
    assert counted(None) > before  # type: ignore[arg-type]


def test_tables_of_tensor_methods_made_before_still_hold(real: Any) -> None:
    handled = {real.Tensor.to: "to", real.Tensor.item: "item"}
    seen: list[str | None] = []

    class Image(real.Tensor):  # type: ignore[misc]
        @classmethod
        def __torch_function__(
            cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            seen.append(handled.get(function))
            return super().__torch_function__(function, types, args, kwargs or {})

    undo = torch_cuda.instrument(Settings(home=Path("unused")))
    real.cuda._lazy_init()
    image = real.ones(1).as_subclass(Image)
    assert type(image.to(real.float64)) is Image
    assert image.item() == 1.0
    undo()
    assert {"to", "item"} <= set(seen)


def test_a_fork_while_the_hook_is_on_leaves_cuda_to_the_parent(real: Any, sink: MemorySink) -> None:
    undo = torch_cuda.instrument(Settings(home=Path("unused")))
    real.cuda._lazy_init()
    child = os.fork()
    if not child:
        os._exit(0 if torch_cuda.active is None and Stage.__enter__ is PLAIN[0] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert torch_cuda.active is not None
    undo()


def test_the_recorder_forgets_open_stages_in_a_child_also_under_the_hook() -> None:
    assert recorder._stage_exit is Stage.__exit__
