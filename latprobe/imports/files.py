"""Which of the formats a file is in."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from latprobe.errors import UsageError
from latprobe.imports.chrome_trace import convert_chrome
from latprobe.imports.otlp_file import convert_otlp, looks_like_otlp_json


def convert_file(path: Path, folder: Path) -> int:
    """Writes the file's spans to `folder` as latprobe's own Parquet; gives back what was skipped.

    OTLP (JSON or protobuf), Chrome trace or PyTorch profiler JSON, each also gzipped. Raises
    UsageError for everything else.
    """
    try:
        content = path.read_bytes()
        changed_ns = path.stat().st_mtime_ns
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from error
    try:
        is_json = content.lstrip()[:1] in (b"{", b"[")
        if is_json and not looks_like_otlp_json(content):
            return convert_chrome(content, folder, changed_ns=changed_ns)
        return convert_otlp(content, folder)
    except UsageError as error:
        raise UsageError(f"{path} is not imported: {error}") from error
