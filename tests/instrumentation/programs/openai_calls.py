"""What a person's program does with the openai client; each call in a stage of its own name."""

# mypy: ignore-errors

import asyncio
import contextlib
import sys

import openai

import latprobe

URL = sys.argv[1] + "/v1"
MESSAGES = [{"role": "user", "content": "When is the rent due?"}]
TOOLS = [{"type": "function", "function": {"name": "rent_of", "parameters": {"type": "object"}}}]
USAGE = {"include_usage": True}

client = openai.OpenAI(base_url=URL, api_key="none", max_retries=0)


def ask(model, **more):
    return client.chat.completions.create(model=model, messages=MESSAGES, **more)


with latprobe.stage("sync"):
    ask("m-sync")
with latprobe.stage("streamed"):
    for _chunk in ask("m-streamed", stream=True, stream_options=USAGE):
        pass
with latprobe.stage("tools"):
    ask("m-tools", tools=TOOLS)
with latprobe.stage("failing"), contextlib.suppress(openai.RateLimitError):
    ask("broken")
with latprobe.stage("abandoned"):
    stream = ask("long", stream=True)
    next(iter(stream))
    stream.close()
with latprobe.stage("embedding"):
    client.embeddings.create(model="m-embedding", input=["a", "b"])
with latprobe.stage("responses"):
    client.responses.create(model="m-responses", input="When?")
with latprobe.stage("responses streamed"):
    for _event in client.responses.create(model="m-responses-streamed", input="When?", stream=True):
        pass
client.close()


async def asynchronous():
    async with openai.AsyncOpenAI(base_url=URL, api_key="none", max_retries=0) as other:
        chat = other.chat.completions
        with latprobe.stage("async"):
            await chat.create(model="m-async", messages=MESSAGES)
        with latprobe.stage("async streamed"):
            stream = await chat.create(
                model="m-async-streamed", messages=MESSAGES, stream=True, stream_options=USAGE
            )
            async for _chunk in stream:
                pass
        with latprobe.stage("together"):
            await asyncio.gather(
                *(chat.create(model=f"m-together-{i}", messages=MESSAGES) for i in range(3))
            )


asyncio.run(asynchronous())
