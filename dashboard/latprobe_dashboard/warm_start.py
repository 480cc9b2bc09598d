"""What the server loads before it says that it is ready, so that no visitor waits for it."""

from __future__ import annotations

import atexit
import gc


def load() -> None:
    """Imports the pages, and takes what is loaded by now out of the collector's sight.

    Streamlit collects garbage after every run of a script, of a fragment too. Over the 140,000
    objects of the imported modules that took 70 ms of CPU, which nothing else ran beside; over what
    came after them it takes 1 to 5.
    """
    import pandas

    from latprobe_dashboard import app

    assert pandas is not None
    assert app is not None
    gc.collect()
    gc.freeze()
    # Libraries in C report on stderr what is never collected: at the end all of it may be.
    atexit.register(gc.unfreeze)
