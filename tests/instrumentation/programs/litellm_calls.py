"""What a person's program does with litellm."""

# mypy: ignore-errors

import asyncio
import contextlib
import os
import sys

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it is fetched at import
import litellm

import latprobe

MESSAGES = [{"role": "user", "content": "When is the rent due?"}]
OPENAI = {"api_base": sys.argv[1] + "/v1", "api_key": "none", "messages": MESSAGES}
USAGE = {"include_usage": True}

with latprobe.stage("whole"):
    litellm.completion(model="openai/m-whole", **OPENAI)
with latprobe.stage("streamed"):
    for _chunk in litellm.completion(
        model="openai/m-streamed", stream=True, stream_options=USAGE, **OPENAI
    ):
        pass
with latprobe.stage("failing"), contextlib.suppress(litellm.RateLimitError):
    litellm.completion(model="openai/broken", num_retries=0, **OPENAI)
with latprobe.stage("embedding"):
    litellm.embedding(
        model="openai/m-embedding", input=["a"], api_base=OPENAI["api_base"], api_key="none"
    )
with latprobe.stage("anthropic"):
    litellm.completion(
        model="anthropic/m-anthropic", api_base=sys.argv[1], api_key="none", messages=MESSAGES
    )


async def asynchronous():
    with latprobe.stage("async"):
        await litellm.acompletion(model="openai/m-async", **OPENAI)


asyncio.run(asynchronous())
