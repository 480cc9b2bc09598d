"""Runs a notebook whose cell calls a server with requests; the kernel is a process of its own."""

# mypy: ignore-errors

import sys

import nbclient
import nbformat

CELL = f"""
import requests, latprobe
with latprobe.stage("cell"):
    requests.get("{sys.argv[1]}/cell", timeout=10)
"""

notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
