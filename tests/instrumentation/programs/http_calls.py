"""What a person's program does with httpx and requests."""

# mypy: ignore-errors

import asyncio
import contextlib
import sys

import httpx
import requests

import latprobe

URL = sys.argv[1]

with latprobe.stage("requests"):
    requests.get(f"{URL}/a", timeout=10)
with latprobe.stage("requests failing"):
    requests.post(f"{URL}/v1/chat/completions", json={"model": "broken"}, timeout=10)
with latprobe.stage("requests refused"), contextlib.suppress(requests.ConnectionError):
    requests.get("http://127.0.0.1:9/", timeout=10)
with latprobe.stage("httpx"), httpx.Client() as client:
    client.get(f"{URL}/b")
with latprobe.stage("httpx failing"), httpx.Client() as client:
    client.post(f"{URL}/v1/chat/completions", json={"model": "broken"})


async def asynchronous():
    async with httpx.AsyncClient() as client:
        with latprobe.stage("httpx async"):
            await client.get(f"{URL}/c")


asyncio.run(asynchronous())
