"""What a person's program does with llama-index."""

# mypy: ignore-errors

import asyncio
import contextlib
import sys

import openai
from llama_index.core import Document, MockEmbedding, VectorStoreIndex
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai import OpenAI

import latprobe

MESSAGES = [ChatMessage(role="user", content="When is the rent due?")]


def model(name):
    # A name that llama-index knows, since it asks for the context's size.
    return OpenAI(
        model="gpt-4o",
        additional_kwargs={"model": name},
        api_base=sys.argv[1] + "/v1",
        api_key="none",
        max_retries=0,
    )


with latprobe.stage("chat"):
    model("m-chat").chat(MESSAGES)
with latprobe.stage("streamed"):
    for _chunk in model("m-streamed").stream_chat(MESSAGES):
        pass
with latprobe.stage("failing"), contextlib.suppress(openai.RateLimitError):
    model("broken").chat(MESSAGES)
with latprobe.stage("query"):
    index = VectorStoreIndex.from_documents(
        [Document(text="The rent is due now.")], embed_model=MockEmbedding(embed_dim=8)
    )
    index.as_query_engine(llm=model("m-query")).query("When is the rent due?")


async def asynchronous():
    with latprobe.stage("async"):
        await model("m-async").achat(MESSAGES)


asyncio.run(asynchronous())
