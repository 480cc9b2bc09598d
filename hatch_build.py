"""Compiles latprobe/journal/_texts.c where that can be; the package works without, in Python.

`LATPROBE_PURE=1` leaves it out, for a wheel that installs everywhere.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAME = "latprobe.journal._texts"
SOURCE = "latprobe/journal/_texts.c"


class TextsBuildHook(BuildHookInterface[Any]):
    """Adds the compiled module to a wheel, or to the source tree of an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if os.environ.get("LATPROBE_PURE") == "1":
            return
        self._folder = tempfile.mkdtemp()
        try:
            built = self._compile(Path(self._folder))
        except (Exception, SystemExit) as error:  # no compiler, no headers: whatever it says
            self.app.display_warning(
                f"{SOURCE} was not compiled ({error}): long texts are recorded by Python, slower."
            )
            return
        if version == "editable":
            # In one step: several environments may be made at once from one tree.
            waiting = Path(self.root, SOURCE).with_name(f"{built.name}.{os.getpid()}")
            shutil.copy(built, waiting)
            waiting.replace(waiting.with_name(built.name))
            return
        build_data["force_include"][str(built)] = f"latprobe/journal/{built.name}"
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        shutil.rmtree(getattr(self, "_folder", ""), ignore_errors=True)

    def _compile(self, folder: Path) -> Path:
        from setuptools import Distribution, Extension
        from setuptools.command.build_ext import build_ext

        source = str(Path(self.root, SOURCE))
        made = Distribution(
            {
                "name": "latprobe",
                "ext_modules": [Extension(NAME, [source], extra_compile_args=["-O3"])],
            }
        )
        command = build_ext(made)
        command.build_lib = str(folder)
        command.build_temp = str(folder / "objects")
        command.ensure_finalized()
        command.run()
        return Path(command.get_ext_fullpath(NAME))
