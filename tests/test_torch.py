"""`latprobe.torch`: stages of a model's modules, and sampled kernels, on a CPU."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import latprobe
import latprobe.torch
from latprobe import guard
from latprobe.errors import UsageError
from latprobe.gpu.kernel_sampling import KernelSampler, make_way_for_users
from latprobe.gpu.stages import GpuStages
from latprobe.hooks import torch_cuda
from latprobe.setting_values import parse_share
from latprobe.testing import FakeClock, MemorySink
from tests.hooks.fake_cuda import FakeCuda
from tests.hooks.needing import needs


@pytest.fixture
def torch() -> Any:
    return needs("torch")


def model(torch: Any) -> Any:
    layer = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
    return torch.nn.Sequential(torch.nn.ModuleDict({"x": layer})["x"], layer)


def test_modules_become_stages_down_to_the_depth(torch: Any, sink: MemorySink) -> None:
    inner = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
    undo = latprobe.torch.watch(torch.nn.Sequential(inner, torch.nn.ReLU()), depth=1)
    outer = torch.nn.Sequential(inner, torch.nn.ReLU())
    undo()
    undo = latprobe.torch.watch(outer, depth=1, name="encoder")
    plain = outer(torch.ones(2))
    undo()
    assert torch.equal(plain, outer(torch.ones(2)))
    assert [(span.name, span.parent_id) for span in sink.spans] == [
        ("encoder.*", sink.spans[2].span_id),
        ("encoder.*", sink.spans[2].span_id),
        ("encoder", None),
    ]


def test_a_module_that_fails_ends_its_stages_with_the_error(torch: Any, sink: MemorySink) -> None:
    outer = model(torch)
    undo = latprobe.torch.watch(outer, depth=2)
    with pytest.raises(RuntimeError):
        outer(torch.ones(5))
    try:
        raise KeyError  # being handled while the model works: no error of its own
    except KeyError:
        outer(torch.ones(2))
    undo()
    statuses = [span.status for span in sink.spans]
    assert statuses == ["error"] * 3 + ["unset"] * 7
    assert sink.spans[2].name == "Sequential"


def test_a_model_is_watched_in_each_thread_for_itself(torch: Any, sink: MemorySink) -> None:
    outer = model(torch)
    undo = latprobe.torch.watch(outer, depth=0)
    threads = [threading.Thread(target=outer, args=(torch.ones(2),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    undo()
    assert sink.names() == ["Sequential"] * 4


def test_compiled_models_are_left_whole(torch: Any, sink: MemorySink) -> None:
    import torch._dynamo as dynamo
    from torch._dynamo.testing import CompileCounter

    def compiled() -> tuple[Any, ...]:
        dynamo.reset()
        counter = CompileCounter()
        function = torch.compile(outer, backend=counter)
        results = [function(torch.ones(2)).tolist() for _ in range(2)]
        return results, counter.frame_count, counter.op_count

    outer = model(torch)
    plain = compiled()
    undo = latprobe.torch.watch(outer, depth=2)
    assert compiled() == plain
    undo()


def test_without_recording_nothing_is_made(torch: Any) -> None:
    outer = model(torch)
    undo = latprobe.torch.watch(outer)
    outer(torch.ones(2))
    undo()
    assert not outer._forward_hooks
    assert not outer._forward_pre_hooks


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(UsageError, match=r"nn\.Module"):
        latprobe.torch.watch(object())
    with pytest.raises(UsageError, match="1 or more"):
        latprobe.torch.profile(every=0)


@pytest.mark.parametrize(
    ("text", "share"), [("2%", 0.02), ("0.5", 0.5), (" 100 % ".replace(" %", "%"), 1.0), (0, 0.0)]
)
def test_a_share_is_read(text: object, share: float) -> None:
    assert parse_share(text, "--kernels") == share


@pytest.mark.parametrize("text", ["many", "200%", "-1", ""])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="such as 2%"):
        parse_share(text, "--kernels")


# -- profiles, by the real profiler on the CPU ---------------------------------------------------


@pytest.fixture
def gpu(sink: MemorySink, clock: FakeClock) -> Iterator[GpuStages]:
    cuda = FakeCuda(clock)
    cuda.has_context = False
    stages = GpuStages(cuda)  # type: ignore[arg-type]
    stages.install()
    yield stages
    stages.remove()


def sampler_of(torch: Any, gpu: GpuStages, folder: Path, *, every: int) -> KernelSampler:
    sampler = KernelSampler(torch, folder, gpu.pairs.add_late, every=every)
    gpu.sampler = sampler
    return sampler


def request(torch: Any) -> None:
    with latprobe.stage("request"), latprobe.stage("step"):
        torch.ones(4).sum()


def test_every_third_request_leaves_a_trace(
    torch: Any, gpu: GpuStages, sink: MemorySink, tmp_path: Path
) -> None:
    sampler = sampler_of(torch, gpu, tmp_path / "profiles", every=3)
    for _ in range(7):
        request(torch)
    gpu.write_late()
    roots = [span for span in sink.spans if span.name == "request"]
    names = [f"{roots[at].trace_id:032x}-{roots[at].span_id:016x}.json" for at in (2, 5)]
    assert sorted(os.listdir(tmp_path / "profiles")) == sorted(names)
    assert [values["kernel_trace"] for _, _, _, values in sink.late] == names
    assert all(values["profile_cost_ns"] > 0 for _, _, _, values in sink.late)
    assert (sampler.profiled, sampler.skipped) == (2, 0)
    path = tmp_path / "profiles" / names[0]
    assert path.stat().st_mode & 0o777 == 0o600
    marked = [
        event["name"]
        for event in json.loads(path.read_text("utf-8"))["traceEvents"]
        if event.get("name", "").startswith("latprobe.monotonic_ns=")
    ]
    assert len(marked) >= 2


def test_a_request_inside_the_programs_own_profile_is_not_sampled(
    torch: Any, gpu: GpuStages, sink: MemorySink, tmp_path: Path
) -> None:
    sampler = sampler_of(torch, gpu, tmp_path / "profiles", every=1)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as own:
        request(torch)
    assert any(event.key == "aten::sum" for event in own.key_averages())
    assert (sampler.profiled, sampler.skipped) == (0, 1)


def test_ours_makes_way_for_a_profile_that_the_program_starts(
    torch: Any, gpu: GpuStages, sink: MemorySink, tmp_path: Path
) -> None:
    sampler = sampler_of(torch, gpu, tmp_path / "profiles", every=1)
    undo = make_way_for_users(torch, sampler)
    with latprobe.stage("request"):
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as own:
            torch.ones(4).sum()
        with torch.autograd.profiler.profile() as legacy:
            torch.ones(4).sum()
    assert any(event.key == "aten::sum" for event in own.key_averages())
    assert any(event.key == "aten::sum" for event in legacy.key_averages())
    assert (sampler.profiled, sampler.skipped) == (0, 1)
    request(torch)
    undo()
    assert sampler.profiled == 1


def test_two_requests_at_once_are_never_both_sampled(
    torch: Any, gpu: GpuStages, sink: MemorySink, tmp_path: Path
) -> None:
    sampler = sampler_of(torch, gpu, tmp_path / "profiles", every=1)
    with latprobe.stage("request"):
        thread = threading.Thread(target=request, args=(torch,))
        thread.start()
        thread.join()
    assert (sampler.profiled, sampler.skipped) == (1, 1)


def test_a_folder_that_nobody_reads_stops_filling(
    torch: Any, gpu: GpuStages, sink: MemorySink, tmp_path: Path
) -> None:
    folder = tmp_path / "profiles"
    folder.mkdir()
    for number in range(50):
        (folder / f"{number}.json").touch()
    sampler = sampler_of(torch, gpu, folder, every=1)
    request(torch)
    assert (sampler.profiled, sampler.skipped, len(os.listdir(folder))) == (0, 1, 50)


def test_a_profiler_that_fails_is_not_tried_again(
    torch: Any,
    gpu: GpuStages,
    sink: MemorySink,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guard, "faults", {})
    (tmp_path / "profiles").write_text("a file where the folder should be")
    sampler_of(torch, gpu, tmp_path / "profiles", every=1)
    for _ in range(3):
        request(torch)
    assert sink.names() == ["step", "request"] * 3
    assert capsys.readouterr().err.count("kernels cannot be recorded") == 1


def test_profile_says_how_often_and_its_undo_ends_it() -> None:
    undo = latprobe.torch.profile(every=7)
    assert torch_cuda.kernels_every == 7
    undo()
    assert torch_cuda.kernels_every is None
