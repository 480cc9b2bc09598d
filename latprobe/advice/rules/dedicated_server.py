"""A model that takes one input at a time while others wait: a server would batch them."""

from __future__ import annotations

from collections.abc import Iterable

from latprobe.advice.context import Context
from latprobe.advice.suggestion import Evidence, Suggestion
from latprobe.advice.time_off import time_off
from latprobe.advice.waiting import Queue, queues, waited_ns
from latprobe.analysis.load.batch_effect import BatchEffect
from latprobe.analysis.whatif import Replicas

NAME = "dedicated_server"

# Providers that run elsewhere: their queue is not ours to batch.
LOCAL = frozenset(
    {"vllm", "sglang", "transformers", "huggingface", "sentence_transformers", "diffusers", "torch"}
)
MODEL_CALLS = frozenset({"chat", "text_completion", "generate_content", "embeddings", "rerank"})
# What a server puts into one batch without harm: small pictures are large inputs, texts small ones.
BATCHES = {"image": "4 to 16", "audio": "8 to 16", "video": "1 to 4", "text": "32 to 128"}
SERVERS = {
    "text": "https://docs.vllm.ai/en/stable/",
    "other": "https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/"
    "user_guide/batcher.html",
}


def find(context: Context) -> Iterable[Suggestion]:
    """One suggestion for each local model that takes single inputs with a line before it."""
    for queue in queues(context):
        batch = queue.load.batch
        is_batched = isinstance(batch, BatchEffect) and batch.usual_size > 1
        if not is_batched and _is_local_model(context, queue.load.name):
            yield _suggestion(context, queue)


def _is_local_model(context: Context, stage: str) -> bool:
    """Whether its spans say that it is a model in a process of the user's own."""
    table = context.query(
        """
        SELECT bool_or(s.operation IS NOT NULL OR s.model IS NOT NULL) AS is_model,
               any_value(s.operation) AS operation, any_value(s.provider) AS provider,
               any_value(s.modality) AS modality, bool_or(g.span_id IS NOT NULL) AS is_on_gpu,
               bool_or(s.kind = 'client') AS is_client
        FROM spans s LEFT JOIN gpu_spans g ON g.trace_id = s.trace_id AND g.span_id = s.span_id
        WHERE s.name = ?
        """,
        [stage],
    ).to_pylist()[0]
    if table["is_on_gpu"]:
        return True
    if table["is_client"] or table["provider"] not in (None, *LOCAL):
        return False
    return table["operation"] in MODEL_CALLS or bool(table["is_model"])


def _suggestion(context: Context, queue: Queue) -> Suggestion:
    stage, modality = queue.load.name, queue.load.modality or "other"
    requests, waited = waited_ns(context, queue)
    kind = "text" if modality == "text" else "other"
    server = "vLLM" if kind == "text" else "Triton, TF Serving or Ray Serve"
    processes = len({pid for pid in _processes(context, stage) if pid is not None})
    return Suggestion(
        rule=NAME,
        subject=stage,
        title=f"Serve {stage} from one server with dynamic batching: calls wait for single runs",
        evidence=(
            Evidence("Runs at once, at most", queue.servers.count),
            Evidence("Wait a request", round(queue.wait_ms, 1), "ms"),
            Evidence("Processes that run the model", processes),
            Evidence("Inputs a run", 1),
        ),
        how=f"Load the model once in {server} and call it from the workers; let it wait a few ms "
        f"to fill a batch ({BATCHES.get(modality, '8 to 32')} inputs for {modality}).\nWithin one "
        "process a queue and one thread that takes all that waits does the same.",
        verify=f"`latprobe load`: no line before {stage}, and batch sizes over 1.",
        effort="high",
        saving=time_off(requests, waited, basis="bound", seed=context.seed),
        link=SERVERS[kind],
        stage=stage,
        preconditions=(
            "A batch takes hardly longer than a single input: true of a GPU that is not full. "
            "The saving is that of no waiting at all.",
        ),
        changes=(Replicas(stage, 2 * queue.servers.count),),
        claims=frozenset({("stage_time", stage), ("wait", stage)}),
    )


def _processes(context: Context, stage: str) -> list[object]:
    pids = context.sampled.column("pid")
    spans = context.sampled.spans
    return [p for p, c in zip(pids, spans.name.tolist(), strict=True) if spans.names[c] == stage]
