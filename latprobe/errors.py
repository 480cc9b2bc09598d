"""What latprobe raises on purpose.

    LatprobeError            exit code 4 unless said otherwise
    |-- UsageError       2   the call or a setting is wrong; the message says what to write instead
    |-- NoDataError      3   the question is fine, nothing recorded answers it
    `-- StoreError       4   the store, its agent or the journal cannot be used
        `-- SegmentError 4   one journal segment is not readable; the agent sets it aside

Each message is one sentence about what is wrong and one about what to do. Recording never
raises any of these into the user's pipeline.
"""

from __future__ import annotations


class LatprobeError(Exception):
    """Something latprobe cannot do for a reason the reader can act on."""

    exit_code = 4


class UsageError(LatprobeError):
    """The call, an option or a setting is wrong."""

    exit_code = 2


class NoDataError(LatprobeError):
    """Nothing that was recorded answers the question."""

    exit_code = 3


class StoreError(LatprobeError):
    """The store, its agent or the journal cannot be used."""

    exit_code = 4


class SegmentError(StoreError):
    """A journal segment is damaged, truncated or not a segment at all."""
