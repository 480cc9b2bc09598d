"""diffusers: pipelines of the library and of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from latprobe.config import Settings
from latprobe.hooks import diffusers_pipeline
from latprobe.testing import MemorySink
from tests.hooks.needing import needs


@pytest.fixture(scope="module")
def diffusers() -> Iterator[Any]:
    """The library, hooked."""
    needs("torch")
    undo = diffusers_pipeline.instrument(Settings(home=Path("unused")))
    yield needs("diffusers")
    undo()


def tiny(diffusers: Any) -> Any:
    """A random network that makes 16 x 16 pixels."""
    network = diffusers.UNet2DModel(
        sample_size=16,
        layers_per_block=1,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    pipeline = diffusers.DDPMPipeline(network, diffusers.DDPMScheduler())
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def test_steps_size_and_number_of_pictures_are_recorded(diffusers: Any, sink: MemorySink) -> None:
    pictures = tiny(diffusers)(batch_size=2, num_inference_steps=2).images
    assert [picture.size for picture in pictures] == [(16, 16)] * 2
    span = sink.named("image.generate")
    assert (span.modality, span.attributes) == (
        "image",
        {
            "model": "DDPMPipeline",
            "gen_ai.provider.name": "diffusers",
            "gen_ai.output.type": "image",
            "diffusion.steps": 2,
            "latprobe.batch_size": 2,
            "image.width_px": 16,
            "image.height_px": 16,
        },
    )


def test_a_pipeline_of_ones_own_is_met_when_it_is_defined(diffusers: Any, sink: MemorySink) -> None:
    class Own(diffusers.DiffusionPipeline):  # type: ignore[misc]  # the base is Any
        def __call__(self, prompt: str, num_inference_steps: int = 30) -> str:
            return prompt * 2

    assert Own()("ab") == "abab"
    assert sink.named("image.generate").attributes["diffusion.steps"] == 30


def test_a_wrong_call_is_the_pipelines_to_refuse(diffusers: Any, sink: MemorySink) -> None:
    with pytest.raises(TypeError, match="bogus"):
        tiny(diffusers)(bogus=1)
    assert sink.names() == []


def test_undo_restores_the_originals(diffusers: Any) -> None:
    kind = diffusers.DDPMPipeline
    undo = diffusers_pipeline.instrument(Settings(home=Path("unused")))
    undo()
    assert vars(kind)["__call__"].__module__ == kind.__module__
