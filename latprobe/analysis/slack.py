"""How much longer each span could have taken without making its request later."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.whatif.graph import Floats, build_edges, levelled
from latprobe.analysis.whatif.precedence import Precedence
from latprobe.analysis.whatif.recording import Recording
from latprobe.analysis.whatif.replay import latest_ns, replay


def slack_ns(recorded: Recording, precedence: Precedence) -> Floats:
    """Each span's slack in ns, by row; 0 on the critical path, inf where nobody waits for it.

    The backward pass of the critical path method (Kelley and Walker, 1959) over what waited for
    what. `precedence` is what a `Learner` learnt from these or more requests.
    """
    count = len(recorded)
    graph = levelled(build_edges(recorded, precedence), count, recorded.tree.root)
    moment = replay(graph, np.ones(count))
    slack = latest_ns(graph, moment)[count:] - moment[count:]
    return np.asarray(np.maximum(slack, 0.0))
