"""Evidence in, a word and a sentence out."""

from __future__ import annotations

import pytest

from latprobe.analysis.gpu.verdict import Evidence, judge


@pytest.mark.parametrize(
    ("evidence", "word"),
    [
        # Readings of one H200, see the module.
        (Evidence(cpu_share=1.0, sm_active_pct=8.0), "host-bound"),
        (Evidence(cpu_share=0.99, utilization_pct=23.0), "host-bound"),
        (
            Evidence(cpu_share=1.0, sm_active_pct=21.0, kernel_share=0.045, kernel_ns=2000.0),
            "launch-bound",
        ),
        (
            Evidence(sm_active_pct=84.0, tensor_active_pct=63.0, dram_active_pct=20.0),
            "compute-bound",
        ),
        (
            Evidence(sm_active_pct=90.0, tensor_active_pct=0.0, dram_active_pct=80.0),
            "memory-bandwidth-bound",
        ),
        (Evidence(sm_active_pct=30.0, copy_share=0.7), "transfer-bound"),
        (Evidence(sm_active_pct=3.0, copied_bytes_per_s=6e9, uses_gpu=True), "transfer-bound"),
        (Evidence(sm_active_pct=90.0, dram_active_pct=10.0, forced_share=0.9), "throttled"),
        (Evidence(sm_active_pct=90.0, capped_share=0.9, clock_share=0.8), "throttled"),
        # The power cap is named for a clock that is 3 % lower, and then limits nothing.
        (
            Evidence(sm_active_pct=90.0, dram_active_pct=10.0, capped_share=0.9, clock_share=0.97),
            "compute-bound",
        ),
        (Evidence(sm_active_pct=90.0, capped_share=0.9), None),
        (Evidence(tensor_active_pct=78.0, cpu_share=0.3), "compute-bound"),
        (Evidence(sm_active_pct=0.5, cpu_share=0.1), "idle"),
        (Evidence(sm_active_pct=0.5, cpu_share=0.95), "cpu-bound"),
        (Evidence(uses_gpu=False, cpu_share=0.97), "cpu-bound"),
        (Evidence(uses_gpu=False, cpu_share=0.3), "idle"),
        # Nothing is known of the GPU, and the CPU works all the time.
        (Evidence(cpu_share=0.99), "cpu-bound"),
        (Evidence(cpu_share=0.99, sync_share=0.7), None),
        # A stage that copies is not idle however little its kernels do.
        (Evidence(cpu_share=0.99, sm_active_pct=1.0, uses_gpu=True), "host-bound"),
        # A thread that waits for the GPU spins and reads 100 % CPU.
        (Evidence(cpu_share=1.0, sm_active_pct=12.0, sync_share=0.9), None),
        (Evidence(cpu_share=1.0, sm_active_pct=50.0), None),
        (Evidence(), None),
    ],
)
def test_verdicts_follow_the_evidence(evidence: Evidence, word: str | None) -> None:
    found = judge(evidence)
    assert found.word == word
    assert (found.sentence is None) == (word is None)


def test_the_sentence_has_the_figures() -> None:
    assert judge(Evidence(cpu_share=0.99, sm_active_pct=8.0)).sentence == (
        "The GPU waits for Python: SM 8 %, CPU thread 99%: batch, compile or use CUDA graphs."
    )
