"""What each library hook adds to a call while recording: the library itself does nothing here.

    python tests/benchmarks/hooks.py [--calls N] [--rounds N]

Each replaced function is wrapped as its hook wraps it, around a function that returns at once, and
called with what a program would give it; the bare function's time is taken off. Every figure is the
lowest of several rounds, written into a real journal. Libraries that are missing are left out.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import latprobe
from latprobe.clock import monotonic_ns
from latprobe.config import Settings
from latprobe.hooks.calls import Site, staged

Case = tuple[str, str, str, tuple[Any, ...], dict[str, Any], Any]


def pillow_cases() -> Iterator[Case]:
    """A JPEG of 640 x 480 pixels; also a `load` that has nothing left to do."""
    image_module = import_module("PIL.Image")
    encoded = io.BytesIO()
    image_module.new("RGB", (640, 480)).save(encoded, "JPEG")
    lazy = image_module.open(io.BytesIO(encoded.getvalue()))
    done = image_module.open(io.BytesIO(encoded.getvalue()))
    done.load()
    target = io.BytesIO(encoded.getvalue())
    yield "pillow", "ImageFile.load", "decode", (lazy,), {}, None
    yield "pillow", "ImageFile.load", "already decoded", (done,), {}, None
    yield "pillow", "Image.resize", "", (done, (64, 48)), {}, done
    yield "pillow", "Image.save", "", (done, target, "JPEG"), {}, None


def opencv_cases() -> Iterator[Case]:
    """An array of 640 x 480 pixels."""
    numpy = import_module("numpy")
    page = numpy.zeros((480, 640, 3), numpy.uint8)
    encoded = numpy.zeros(1000, numpy.uint8)
    yield "opencv", "imdecode", "", (encoded, 1), {}, page
    yield "opencv", "resize", "", (page, (64, 48)), {}, page
    yield "opencv", "imencode", "", (".jpg", page), {}, (True, encoded)


def torch_cases() -> Iterator[Case]:
    """A prompt of 7 tokens and 20 more; a wait of a loader."""
    torch = import_module("torch")
    model = SimpleNamespace(config=SimpleNamespace(name_or_path="m", is_encoder_decoder=False))
    prompt, reply = torch.ones(1, 7), torch.ones(1, 27)
    given = {"attention_mask": prompt.long()}
    yield "transformers_generate", "GenerationMixin.generate", "", (model, prompt), given, reply
    batches = SimpleNamespace(_num_yielded=1, _num_workers=2)
    yield "torch_dataloader", "_BaseDataLoaderIter.__next__", "", (batches,), {}, None
    vectors = torch.ones(2, 384)
    texts = (["a", "b"],)
    encoder = [SimpleNamespace(auto_model=SimpleNamespace(config=model.config))]
    yield "sentence_transformers", "SentenceTransformer.encode", "", (encoder, *texts), {}, vectors


def client_cases() -> Iterator[Case]:
    """One request each."""
    tensor = SimpleNamespace(shape=lambda: [2, 3])
    client = SimpleNamespace(_parsed_url=SimpleNamespace(host="127.0.0.1", port=8000))
    yield "triton_client", "InferenceServerClient.infer", "", (client, "m", [tensor]), {}, None
    engine = SimpleNamespace(
        llm_engine=SimpleNamespace(model_config=SimpleNamespace(model="m", served_model_name=None))
    )
    one = SimpleNamespace(token_ids=[1] * 20, finish_reason="stop")
    reply = SimpleNamespace(
        prompt_token_ids=[1] * 7, outputs=[one], num_cached_tokens=0, metrics=None
    )
    yield "vllm_engine", "LLM.generate", "1 request", (engine, ["a"]), {}, [reply]
    yield "tesseract", "run_and_get_output", "", ("page.png",), {}, ""


def cases() -> Iterator[Case]:
    """Of every library that is there."""
    yield from pillow_cases() if find_spec("PIL") else ()
    yield from opencv_cases() if find_spec("numpy") else ()
    yield from torch_cases() if find_spec("torch") else ()
    yield from client_cases()


def site_of(hook: str, path: str) -> Site:
    """The hook's site of that path, without replacing anything."""
    module: Any = import_module(f"latprobe.hooks.{hook}")
    sites: list[Site] = []
    switch_on = module.stage_calls
    module.stage_calls = lambda scope, found: sites.extend(found)
    try:
        module.instrument(Settings(home=latprobe.config.default_home()))  # nothing is opened there
    finally:
        module.stage_calls = switch_on
    return next(site for site in sites if site.path == path)


def lowest_us(call: Callable[..., Any], args: Any, kwargs: Any, calls: int, rounds: int) -> float:
    """Microseconds a call, of the best round."""
    took = []
    for _ in range(rounds):
        start = monotonic_ns()
        for _ in range(calls):
            call(*args, **kwargs)
        took.append((monotonic_ns() - start) / calls / 1000)
    return min(took)


def step_us(options: argparse.Namespace) -> float:
    """What one decoding step of transformers' `generate` costs more."""
    generate: Any = import_module("latprobe.hooks.transformers_generate")
    model = SimpleNamespace()

    def bare(*args: Any) -> bool:
        return True

    asking = generate._noting_steps(bare)
    with latprobe.stage("generate") as stage:
        stage._note(chunk_times=generate.StepTimes(model))  # type: ignore[attr-defined]  # a Stage
        times = [
            lowest_us(one, (model, False), {}, options.calls, options.rounds)
            for one in (asking, bare)
        ]
    return times[0] - times[1]


def added_us(hook: str, path: str, given: Any, options: argparse.Namespace) -> float:
    """What the hook adds to one call."""
    args, kwargs, result = given

    def bare(*args: Any, **kwargs: Any) -> Any:
        return result

    call = staged(bare, site=site_of(hook, path), scope=f"latprobe.hooks.{hook}")
    times = [lowest_us(one, args, kwargs, options.calls, options.rounds) for one in (call, bare)]
    return times[0] - times[1]


def stage_by_hand() -> None:
    """What a person would have written around the call, for comparison."""
    with latprobe.stage("image.decode", modality="image", a=1, b=2, c="RGB", d="JPEG", e=5):
        pass


def main() -> None:
    """Prints a line for each."""
    parser = argparse.ArgumentParser(description="What each library hook costs a call.")
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        latprobe.init(home=home, agent=False)
        by_hand = lowest_us(stage_by_hand, (), {}, options.calls, options.rounds)
        print(f"{'a stage by hand':22} {'5 attributes':30} {'':16} {by_hand:6.2f} us")
        with latprobe.stage("request"):
            for hook, path, note, args, kwargs, result in cases():
                added = added_us(hook, path, (args, kwargs, result), options)
                print(f"{hook:22} {path:30} {note:16} {added:6.2f} us")
            print(f"{'transformers_generate':22} {'each token':47} {step_us(options):6.2f} us")
        latprobe.shutdown()


if __name__ == "__main__":
    main()
