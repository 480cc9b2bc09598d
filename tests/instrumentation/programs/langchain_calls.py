"""What a person's program does with langchain."""

# mypy: ignore-errors

import asyncio
import contextlib
import sys

import openai
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

import latprobe


def model(name):
    url = sys.argv[1] + "/v1"
    return ChatOpenAI(model=name, base_url=url, api_key="none", max_retries=0, stream_usage=True)


@tool
def rent_of(flat: int) -> int:
    """The rent of a flat."""
    return 920


prompt = ChatPromptTemplate.from_messages([("user", "{question}")])
QUESTION = {"question": "When is the rent due?"}

with latprobe.stage("chain"):
    (prompt | model("m-chain")).invoke(QUESTION)
with latprobe.stage("streamed"):
    for _chunk in (prompt | model("m-streamed")).stream(QUESTION):
        pass
with latprobe.stage("tools"):
    model("m-tools").bind_tools([rent_of]).invoke("Rent of flat 3?")
with latprobe.stage("tool"):
    rent_of.invoke({"flat": 3})
with latprobe.stage("failing"), contextlib.suppress(openai.RateLimitError):
    model("broken").invoke("Hello")


async def asynchronous():
    with latprobe.stage("async"):
        await model("m-async").ainvoke("Hello")


asyncio.run(asynchronous())
