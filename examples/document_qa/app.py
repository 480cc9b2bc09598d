"""Asks questions about scanned pages for some seconds and prints what came of it.

python examples/document_qa/app.py --seconds 15
"""

import argparse
import contextlib
import os
import sys

import openai
from document_qa import llm, local_llm, ocr, summary, workload
from document_qa.pipeline import Backends


def main() -> int:
    """Exit code 0 when at least one request was answered."""
    options = _options()
    has_ocr = options.ocr and _warned_without_tesseract()
    with contextlib.ExitStack() as stack:
        url = options.llm_url or stack.enter_context(local_llm.serving(seed=options.seed))
        key = os.environ.get("OPENAI_API_KEY", "none") if options.llm_url else "none"
        client = stack.enter_context(llm.connect(url, api_key=key))
        try:
            model = options.model or _offered_model(client, is_local=options.llm_url is None)
        except llm.NoModelError as error:
            print(f"document_qa: {error}", file=sys.stderr)
            return 1
        requests = workload.Requests(
            seed=options.seed, seconds=options.seconds, number=options.requests
        )
        backends = Backends(
            client,
            model=model,
            has_ocr=has_ocr,
            has_compact_answers=options.compact_answers,
            has_parallel_lookups=options.parallel_lookups,
        )
        outcomes = workload.run(requests, concurrency=options.concurrency, backends=backends)
    if options.show:
        print(summary.listing(outcomes))
    print(summary.lines(outcomes, backends=backends))
    return 0 if any(outcome.error is None for outcome in outcomes) else 1


def _offered_model(client: openai.OpenAI, *, is_local: bool) -> str:
    return local_llm.MODEL_NAME if is_local else llm.first_model(client)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Questions about scanned pages.")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=float, help="how long to send requests (default 15)")
    length.add_argument("--requests", type=int, metavar="N", help="send N requests instead")
    parser.add_argument("--concurrency", type=int, default=4, metavar="N", help="default 4")
    parser.add_argument("--seed", type=int, default=0, help="of the pages, questions and model")
    parser.add_argument("--llm-url", metavar="URL", help="an OpenAI-compatible server's /v1")
    parser.add_argument("--model", help="default: the first that the server offers")
    parser.add_argument("--no-ocr", dest="ocr", action="store_false", help="use the known text")
    parser.add_argument(
        "--compact-answers", action="store_true", help="ask the model for JSON on one line"
    )
    parser.add_argument(
        "--parallel-lookups", action="store_true", help="ask both record systems at once"
    )
    parser.add_argument("--show", action="store_true", help="print each question and answer")
    options = parser.parse_args()
    if options.seconds is None and options.requests is None:
        options.seconds = 15.0
    return options


def _warned_without_tesseract() -> bool:
    if ocr.is_available():
        return True
    print(
        "document_qa: tesseract is not installed (apt-get install tesseract-ocr), so OCR is "
        "skipped and the text that was drawn on each page is used instead.",
        file=sys.stderr,
    )
    return False


if __name__ == "__main__":
    sys.exit(main())
