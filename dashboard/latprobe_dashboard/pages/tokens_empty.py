"""What the Tokens page says where there are no model calls, or none of their prompts."""

from __future__ import annotations

import streamlit as st

from latprobe_dashboard.charts import listing

_CALL = """\
import latprobe.auto              # first line: OpenAI, Anthropic, Gemini, LangChain... are recorded

with latprobe.stage("llm", model="my-model", input_tokens=812, output_tokens=64):
    answer = my_own_server(prompt)  # a client that nobody instruments
"""
_CONTENT = "export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY"


def no_model_calls() -> None:
    """How a model call gets here."""
    with st.container(border=True, key="lp_no_calls"):
        st.subheader("No model call has been recorded yet", anchor=False)
        st.markdown(
            "Calls of the usual clients are found by themselves. Your own server's are written down"
            " with a stage:"
        )
        listing.mount(_CALL.rstrip(), key="lp_call_example")


def prompts_not_recorded() -> None:
    """How prompts get recorded, so that they can be taken apart."""
    with st.container(border=True, key="lp_no_prompts"):
        st.subheader("These calls came without their prompts", anchor=False)
        st.markdown(
            "So their tokens cannot be told apart by part. latprobe asks for prompts by itself"
            " where it alone gets the spans; a program that sends them elsewhere too decides with"
            " this variable, and `LATPROBE_CONTENT` must not be `off` if texts are to be kept:"
        )
        listing.mount(_CONTENT, key="lp_content_example")
