"""What Streamlit runs once per visitor and interaction.

It has a folder of its own for two reasons. Streamlit takes a folder `pages/` beside its script for
a list of pages, and answers the first deep link after a start with "Page not found" because our
pages are declared otherwise. And it puts the script's folder on sys.path, where our module names
must not meet those of other packages.
"""

from __future__ import annotations

from latprobe_dashboard.app import run

run()
