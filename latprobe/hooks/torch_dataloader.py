"""torch.utils.data: how long the program waits for each batch of a DataLoader.

Without workers the wait is the loading itself; with workers it is what they could not hide.
"""

from __future__ import annotations

from latprobe.config import Settings
from latprobe.hooks import Undo
from latprobe.hooks.calls import Args, Kwargs, Site, stage_calls
from latprobe.recorder import Stage, make_stage


def instrument(settings: Settings) -> Undo:
    """Stages `dataloader.wait`, one a batch; the loader's end is no batch."""
    return stage_calls(
        __name__,
        (Site("torch.utils.data.dataloader", "_BaseDataLoaderIter.__next__", _wait),),
    )


def _wait(args: Args, kwargs: Kwargs) -> Stage:
    batches = args[0]
    return make_stage(
        "dataloader.wait",
        "io",
        {
            "dataloader.batch_index": batches._num_yielded,
            "dataloader.workers": batches._num_workers,
        },
    )
