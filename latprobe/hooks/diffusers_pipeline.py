"""diffusers: calls of a pipeline.

Each pipeline class has a `__call__` of its own and most are imported late, so they are met when the
classes are made; that finds a user's own pipelines too.
"""

from __future__ import annotations

import inspect
from functools import partial
from types import ModuleType
from typing import Any

from latprobe.config import Settings
from latprobe.hooks import Undo
from latprobe.hooks.calls import Args, Kwargs, Replaced, Site, staged
from latprobe.hooks.on_import import when_imported
from latprobe.recorder import Stage, make_stage

_MODULE = "diffusers.pipelines.pipeline_utils"


def instrument(settings: Settings) -> Undo:
    """Stages `image.generate`: model, steps, size, number of pictures."""
    replaced = Replaced()
    undos: list[Undo] = []

    def module_imported(module: ModuleType) -> None:
        base = module.DiffusionPipeline
        for known in _subclasses(base):
            _replace_call(replaced, known)
        undos.append(_meet_subclasses(base, replaced))

    stop = when_imported(_MODULE.__eq__, module_imported)

    def undo() -> None:
        stop()
        for one in undos:
            one()
        replaced.restore()

    return undo


def _meet_subclasses(base: Any, replaced: Replaced) -> Undo:
    own = vars(base).get("__init_subclass__")

    def meet(cls: Any, /, **kwargs: Any) -> None:
        if own is not None:
            own.__func__(cls, **kwargs)
        else:
            super(base, cls).__init_subclass__(**kwargs)
        _replace_call(replaced, cls)

    base.__init_subclass__ = classmethod(meet)

    def undo() -> None:
        if own is not None:
            base.__init_subclass__ = own
        else:
            del base.__init_subclass__

    return undo


def _replace_call(replaced: Replaced, kind: Any) -> None:
    def make(original: Any) -> Any:
        begin = partial(_begin, inspect.signature(original))
        return staged(original, site=Site(kind.__module__, "", begin, _end), scope=__name__)

    replaced.replace(kind, "__call__", make)


def _subclasses(base: Any) -> set[Any]:
    found = set(base.__subclasses__())
    return found.union(*(_subclasses(one) for one in found))


def _begin(signature: inspect.Signature, args: Args, kwargs: Kwargs) -> Stage | None:
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:  # the pipeline itself says what is wrong with the call
        return None
    bound.apply_defaults()
    given = bound.arguments
    found: dict[str, Any] = {
        "model": _model_name(args[0]),
        "gen_ai.provider.name": "diffusers",
        "gen_ai.output.type": "image",
        "diffusion.steps": given.get("num_inference_steps"),
        "image.width_px": given.get("width"),
        "image.height_px": given.get("height"),
    }
    return make_stage("image.generate", "image", {k: v for k, v in found.items() if v is not None})


def _end(stage: Stage, args: Args, kwargs: Kwargs, result: Any) -> None:
    images: Any = result[0] if isinstance(result, tuple) else getattr(result, "images", None)
    if not hasattr(images, "__len__") or not len(images):
        return
    stage.set(**{"latprobe.batch_size": len(images)})
    size = getattr(images[0], "size", None)
    if isinstance(size, tuple):  # a Pillow image; arrays keep what the call asked for
        stage.set(**{"image.width_px": size[0], "image.height_px": size[1]})


def _model_name(pipeline: Any) -> str:
    name = getattr(pipeline, "name_or_path", None)
    return name if isinstance(name, str) and name else type(pipeline).__name__
