"""An ASGI application that calls a model's server with httpx, for uvicorn."""

# mypy: ignore-errors

import os

import httpx

import latprobe


async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    async with httpx.AsyncClient() as client:
        with latprobe.stage("page"):
            await client.get(os.environ["UPSTREAM"] + "/asgi")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})
