"""Turns recording on in every Python process under `latprobe run`.

`latprobe run` puts this folder first on PYTHONPATH, so `site` imports this file before the program
starts. It hides any other sitecustomize, so it runs that one first, as `site` would have. Nothing
here may keep the program from running.
"""

from __future__ import annotations

import os
import sys


def _run_hidden_sitecustomize() -> None:
    import importlib.machinery
    import importlib.util

    here = os.path.dirname(os.path.abspath(__file__))
    others = [folder for folder in sys.path if os.path.abspath(folder) != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


def _is_wanted() -> bool:
    """Not for latprobe's own processes: the agent and the commands record nothing."""
    if os.environ.get("LATPROBE_AUTO") != "1":
        return False
    return (_module_to_run() or "").partition(".")[0] != "latprobe"


def _module_to_run() -> str | None:
    """What stands after the interpreter's own -m; None for a script or -c."""
    words = iter(sys.orig_argv[1:])
    for word in words:
        if word == "-m":
            return next(words, None)
        if word in ("-X", "-W"):
            next(words, None)
        elif word == "-c" or not word.startswith("-"):
            return None
    return None


def _start_recording() -> None:
    try:
        import latprobe.auto  # noqa: F401
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "latprobe":
            _say_once(
                f"{sys.executable} has no latprobe, so nothing is recorded; install it there: "
                f"{sys.executable} -m pip install latprobe"
            )
        else:
            _say_once(f"recording is off: {error}")
    except Exception as error:
        _say_once(f"recording is off: {error}")


def _say_once(text: str) -> None:
    """Only the process that `latprobe run` started itself speaks, not each of its children."""
    if os.environ.get("LATPROBE_RUN_PID") == str(os.getppid()):
        print(f"latprobe: {text}", file=sys.stderr)


try:
    _run_hidden_sitecustomize()
finally:
    if _is_wanted():
        _start_recording()
