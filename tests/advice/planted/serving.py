"""Pipelines of models of one's own: batches, caches, attention, and cards with one limit each."""

from __future__ import annotations

from tests.advice.cards import Load, card, note, profile
from tests.advice.pipelines import Recording, Step
from tests.advice.planted import texts
from tests.advice.planted.scenes import line, recorded
from tests.analysis.gpu.seeded_card import insert, sample
from tests.analysis.seeding import EPOCH_NS, MS, MemoryStore

_HOT, _SLOW_MHZ, _FAST_MHZ = 0x40, 1_300, 1_900


def small_batches(seed: int) -> Recording:
    """32 pictures a request, in batches of two or sixteen."""

    def body(recording: Recording, step: Step, _: int) -> None:
        size = recording.random.choice([2, 2, 2, 16])
        for _again in range(32 // size):
            step.stage("vision.embed", 24 + 1.5 * size, modality="image", model="clip",
                       attributes={"latprobe.batch_size": size})  # fmt: skip

    return recorded(seed, body)


def shared_beginning(seed: int) -> Recording:
    """An engine of one's own reads the same long rules before each question."""

    def body(recording: Recording, step: Step, number: int) -> None:
        rng = recording.random
        asked = texts.paragraph(rng, 2 + 4 * (number % 5))
        out = texts.paragraph(rng, 1 + number % 3)
        read = (len(texts.LONG_SYSTEM) + len(asked)) / 4.3 * 0.15 * rng.lognormvariate(0, 0.05)
        step.call("engine.chat", read + len(out) / 4 * 5, exact=True, model="qwen-7b",
                  provider="vllm", prompt=(("system", texts.LONG_SYSTEM), ("user", asked)),
                  output=out, ttft_ns=int(read * MS))  # fmt: skip

    return recorded(seed, body, requests=120)


def square_attention(seed: int) -> Recording:
    """The time to read a prompt grows with the square of its length."""

    def body(recording: Recording, step: Step, number: int) -> None:
        tokens = 1_000 * (1 + number % 9)
        read = (tokens * 0.05 + tokens**2 * 1e-5) * recording.random.lognormvariate(0, 0.05)
        call = step.call("engine.read", read + 90, exact=True, model="qwen-7b", provider="vllm",
                         usage={"input_tokens": tokens}, ttft_ns=int(read * MS))  # fmt: skip
        call.row["input_tokens"] = tokens

    return recorded(seed, body)


def out_of_memory(seed: int) -> Recording:
    """One run in five fails for want of memory and is made again."""

    def body(recording: Recording, step: Step, _: int) -> None:
        if recording.random.random() < 0.2:
            step.stage("image.generate", 900, status="error",
                       error_type="torch.OutOfMemoryError")  # fmt: skip
        step.stage("image.generate", 1_200, modality="image")

    return recorded(seed, body, requests=120)


def idle_card(seed: int) -> MemoryStore:
    """Requests stand in line for one card beside another that nobody uses."""
    recording = line(seed, "image.segment", every_ms=130, ms=105, model="sam", modality="image")
    for at in range(350):
        recording.sample(at * 100, "gpu.utilization_pct", 85, device="GPU-1")
        recording.sample(at * 100, "gpu.utilization_pct", 3, device="GPU-2")
    store = recording.query()
    store.connection.execute(
        "INSERT INTO gpu_spans (trace_id, span_id, run_id, device) "
        "SELECT trace_id, span_id, run_id, 'GPU-1' FROM spans WHERE name = 'image.segment'"
    )
    return store


def weights_from_memory(_: int) -> MemoryStore:
    """A stage reads weights all the time and computes little."""
    return card(
        {
            "tokenize": Load(5, utilization=0, cpu=0.9),
            "llm.decode": Load(260, sm=82, tensor=8, dram=84, utilization=98),
            "embed": Load(60, sm=85, tensor=60, utilization=98),
        }
    )


def python_between(_: int) -> MemoryStore:
    """A loop in Python keeps a card waiting."""
    return card(
        {
            "load": Load(12, utilization=0, cpu=0.6),
            "sampling.loop": Load(240, sm=10, utilization=22, cpu=0.98),
            "decode.image": Load(80, sm=88, tensor=65, utilization=98),
        }
    )


def tiny_kernels(_: int) -> MemoryStore:
    """A stage launches thousands of kernels that run for microseconds."""
    store = card(
        {
            "load": Load(15, utilization=0, cpu=0.5),
            "rnn.forward": Load(180, sm=14, utilization=55, cpu=0.97),
        }
    )
    profile(store, 2, "rnn.forward", wall_ns=180 * MS, busy_ns=40 * MS, kernels=12_000)
    return store


def slow_copies(_: int) -> MemoryStore:
    """Frames are copied to the card from memory that is not pinned."""
    store = card(
        {
            "frames.upload": Load(120, sm=8, utilization=40, cpu=0.3),
            "detect": Load(90, sm=86, tensor=62, utilization=98),
        }
    )
    profile(store, 1, "frames.upload", wall_ns=120 * MS, busy_ns=90 * MS, kernels=8,
            copy_ns=85 * MS)  # fmt: skip
    note(store, 1, requests=120, h2d_bytes=600_000_000)
    return store


def hot_card(_: int) -> MemoryStore:
    """The card runs at two thirds of its clock, for heat."""
    store = card(
        {
            "unet": Load(260, sm=90, tensor=68, utilization=99),
            "write": Load(15, sm=2, utilization=2),
        }
    )
    rows = [sample(EPOCH_NS - 10 * MS, "gpu.sm_clock_mhz", _FAST_MHZ)]
    for at in range(0, 37_000, 100):
        rows.append(sample(EPOCH_NS + at * MS, "gpu.throttle_reasons", _HOT))
        rows.append(sample(EPOCH_NS + at * MS, "gpu.sm_clock_mhz", _SLOW_MHZ))
    insert(store, "samples", rows)
    return store
