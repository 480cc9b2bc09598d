"""`python -m latprobe.cli`, the same as `latprobe`."""

from __future__ import annotations

import sys

from latprobe.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
