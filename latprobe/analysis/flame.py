"""One request's spans added up by the path that led to them: what an icicle draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from latprobe.analysis.trace import TraceSpan

MAX_NODES = 200


@dataclass(frozen=True, slots=True)
class FlameNode:
    """All spans of one name below the same path. `parent` is a place in the list, -1 of the root.

    `total_ns` is the own time of these spans and of all below them, `from_ns` where it begins on
    an axis on which children follow each other; what runs in parallel adds up. `own_ns` is the own
    time alone. `longest` is the place of the longest of the spans. An `is_rest` node stands for
    `count` spans of several small paths.
    """

    parent: int
    depth: int
    name: str
    modality: str | None
    count: int
    errors: int
    from_ns: int
    total_ns: int
    own_ns: int
    longest: int
    is_rest: bool = False


@dataclass(slots=True)
class _Path:
    """What the spans of one path add up to so far."""

    parent: int
    depth: int
    name: str
    modality: str | None
    count: int = 0
    errors: int = 0
    own_ns: int = 0
    total_ns: int = 0
    longest: int = -1


def flame(spans: Sequence[TraceSpan], *, max_nodes: int = MAX_NODES) -> tuple[FlameNode, ...]:
    """The paths of spans in depth-first order, the heaviest child first.

    Of more than `max_nodes` paths the heaviest stay, and what each loses is one node more.
    """
    paths = _paths(spans)
    kept = _kept(paths, max_nodes)
    children: dict[int, list[int]] = {}
    lost: dict[int, list[int]] = {}
    for at, path in enumerate(paths):
        if path.parent >= 0:
            into = children if at in kept else lost
            into.setdefault(path.parent, []).append(at)
    return _laid_out(paths, children, {at: lost[at] for at in lost if at in kept})


def _paths(spans: Sequence[TraceSpan]) -> list[_Path]:
    known: dict[tuple[int, str], int] = {}
    paths: list[_Path] = []
    above: list[int] = []  # the path of the last span at each depth
    for at, span in enumerate(spans):
        parent = above[span.depth - 1] if span.depth else -1
        place = known.setdefault((parent, span.name), len(paths))
        if place == len(paths):
            paths.append(_Path(parent, span.depth, span.name, span.modality))
        del above[span.depth :]
        above.append(place)
        path = paths[place]
        path.count += 1
        path.errors += span.status == "error"
        path.own_ns += span.self_ns
        if path.longest < 0 or span.duration_ns > spans[path.longest].duration_ns:
            path.longest = at
    for path in reversed(paths):  # a path stands behind the one above it
        path.total_ns += path.own_ns
        if path.parent >= 0:
            paths[path.parent].total_ns += path.total_ns
    return paths


def _kept(paths: list[_Path], max_nodes: int) -> set[int]:
    """The heaviest paths that, with a node for what each loses, are `max_nodes` at most."""
    if len(paths) <= max_nodes:
        return set(range(len(paths)))
    # No path weighs more than the one above it, which stands before it: none loses its parent.
    ranked = sorted(range(len(paths)), key=lambda at: (-paths[at].total_ns, at))
    count = max_nodes
    while True:
        kept = set(ranked[:count])
        losing = {paths[at].parent for at in ranked[count:] if paths[at].parent in kept}
        if count + len(losing) <= max_nodes or count <= 1:
            return kept
        count -= max((count + len(losing) - max_nodes) // 2, 1)


def _laid_out(
    paths: list[_Path], children: dict[int, list[int]], lost: dict[int, list[int]]
) -> tuple[FlameNode, ...]:
    nodes: list[FlameNode] = []
    stack = [(0, -1, 0)] if paths else []
    while stack:
        at, parent, from_ns = stack.pop()
        path, place = paths[at], len(nodes)
        nodes.append(_node(path, parent, from_ns))
        next_ns = from_ns
        below = []
        for child in sorted(children.get(at, ()), key=lambda at: -paths[at].total_ns):
            below.append((child, place, next_ns))
            next_ns += paths[child].total_ns
        if at in lost:
            nodes.append(_rest(paths, lost[at], place, next_ns))
        stack.extend(reversed(below))
    return tuple(nodes)


def _node(path: _Path, parent: int, from_ns: int) -> FlameNode:
    return FlameNode(
        parent=parent,
        depth=path.depth,
        name=path.name,
        modality=path.modality,
        count=path.count,
        errors=path.errors,
        from_ns=from_ns,
        total_ns=path.total_ns,
        own_ns=path.own_ns,
        longest=path.longest,
    )


def _rest(paths: list[_Path], lost: list[int], parent: int, from_ns: int) -> FlameNode:
    """The lost children of one node; the spans below them are in their time, not in the count."""
    heaviest = max(lost, key=lambda at: paths[at].total_ns)
    return FlameNode(
        parent=parent,
        depth=paths[heaviest].depth,
        name=f"{len(lost):,} other paths",
        modality=None,
        count=sum(paths[at].count for at in lost),
        errors=sum(paths[at].errors for at in lost),
        from_ns=from_ns,
        total_ns=sum(paths[at].total_ns for at in lost),
        own_ns=sum(paths[at].own_ns for at in lost),
        longest=paths[heaviest].longest,
        is_rest=True,
    )
