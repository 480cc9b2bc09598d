"""A generated pipeline (`tests.advice.pipelines`) as a store on disk."""

from __future__ import annotations

from pathlib import Path

from tests.advice.pipelines import Recording


def keep(recording: Recording, home: Path) -> Path:
    """The store folder with everything that was recorded."""
    (home / "journal").mkdir(parents=True)
    home.chmod(0o700)
    path = home / "latprobe.duckdb"
    connection = recording.query().connection
    connection.execute(f"ATTACH '{path}' AS kept")
    connection.execute("COPY FROM DATABASE memory TO kept")
    connection.execute("DETACH kept")
    path.chmod(0o600)
    return home
