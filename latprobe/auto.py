"""The one import: `import latprobe.auto` records this process, with settings from the environment.

Importing it starts recording, switches the hooks on and makes sure that the store's agent runs. A
wrong setting is said in one line on stderr and recording stays off; the program goes on.
"""

from __future__ import annotations

from latprobe import guard
from latprobe.errors import LatprobeError
from latprobe.hooks import Hooked, switch_on
from latprobe.recording import init

hooked: list[Hooked] = []


def _start() -> None:
    try:
        settings = init()
    except LatprobeError as error:
        guard.say(f"not recording: {error}")
        return
    try:
        from latprobe.otel.tracer import offer_provider

        offer_provider()
        hooked.extend(switch_on(settings))
    except Exception as error:  # the program's first import must not be its last
        guard.report("switching on instrumentations", error)


_start()
