"""What a person's program does with the anthropic client."""

# mypy: ignore-errors

import asyncio
import contextlib
import sys

import anthropic

import latprobe

ASKED = {"max_tokens": 100, "messages": [{"role": "user", "content": "When is the rent due?"}]}
TOOLS = [{"name": "rent_of", "input_schema": {"type": "object"}}]
SETTINGS = {"base_url": sys.argv[1], "api_key": "none", "max_retries": 0}

client = anthropic.Anthropic(**SETTINGS)
with latprobe.stage("sync"):
    client.messages.create(model="m-sync", **ASKED)
with latprobe.stage("streamed"):
    for _event in client.messages.create(model="m-streamed", stream=True, **ASKED):
        pass
with (
    latprobe.stage("stream helper"),
    client.messages.stream(model="m-stream-helper", **ASKED) as stream,
):
    for _text in stream.text_stream:
        pass
with latprobe.stage("tools"):
    client.messages.create(model="m-tools", tools=TOOLS, **ASKED)
with latprobe.stage("failing"), contextlib.suppress(anthropic.RateLimitError):
    client.messages.create(model="broken", **ASKED)
with latprobe.stage("abandoned"):
    stream = client.messages.create(model="long", stream=True, **ASKED)
    next(iter(stream))
    stream.close()
client.close()


async def asynchronous():
    async with anthropic.AsyncAnthropic(**SETTINGS) as other:
        with latprobe.stage("async"):
            await other.messages.create(model="m-async", **ASKED)


asyncio.run(asynchronous())
