"""One chat completion asked of an OpenAI-compatible server, with retries.

What the server says about an error is never kept nor shown: it may quote the key or the prompt.
"""

from __future__ import annotations

import http.client
import json
import random
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message as Headers
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from latprobe.advice.replay.recorded import Message
from latprobe.clock import monotonic_ns
from latprobe.errors import UsageError

TRIES = 4
# A server that wants a longer wait is not waited for.
LONGEST_WAIT_S = 60.0
_FIRST_WAIT_S = 0.5
_MOST_BYTES = 16 << 20
_AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504})
# Nothing that is sent in the same way can succeed after these.
_HOPELESS = {
    401: "does not take the key",
    403: "does not allow this with this key",
    404: "has no such address or model",
    405: "does not take chat completions at this address",
}
_NO_ADDRESS = "That is no address of a server; write it like https://host/v1."
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class ServerRefusedError(Exception):
    """No call of this trial can succeed; the text says why, in one clause."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. Tokens None: the server did not say. `took_ns` is the last try alone."""

    text: str
    input_tokens: int | None
    output_tokens: int | None
    took_ns: int
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer after all tries; `reason` in a few words. Tokens: what was billed all the same."""

    reason: str
    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and what to ask. `pause` waits for seconds, less where the trial is being stopped.

    The key is sent in the Authorization header and stands in no text of ours.
    """

    url: str
    model: str
    key: str | None = field(default=None, repr=False)
    timeout_s: float = 60.0

    @property
    def shown_url(self) -> str:
        """The address without what could be secret in it."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))

    def ask(
        self,
        messages: Sequence[Message],
        settings: Mapping[str, object],
        *,
        pause: Callable[[float], None],
    ) -> Reply | Failure:
        """The answer. Raises ServerRefusedError where no other call would fare better."""
        body = {
            **settings,
            "model": self.model,
            "messages": [each.to_json() for each in messages],
            "stream": False,
        }
        sent = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        for tries_left in reversed(range(TRIES)):
            found = self._ask_once(sent)
            if isinstance(found, Reply):
                return found
            wait_s = found.wait_s
            if wait_s is None:
                wait_s = _FIRST_WAIT_S * 2 ** (TRIES - tries_left - 1) * random.uniform(0.8, 1.2)
            if not found.is_passing or wait_s > LONGEST_WAIT_S or not tries_left:
                return Failure(found.reason, found.input_tokens, found.output_tokens)
            pause(wait_s)
        raise AssertionError("the last try returns")

    def _ask_once(self, sent: bytes) -> Reply | _Fault:
        parts = urlsplit(self.url)
        path = parts.path.rstrip("/") + "/chat/completions"
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(
            urlunsplit((parts.scheme, parts.netloc, path, parts.query, "")),
            data=sent,
            headers=headers,
            method="POST",
        )
        start_ns = monotonic_ns()
        try:
            with _opener(parts.scheme, parts.hostname).open(
                request, timeout=self.timeout_s
            ) as response:
                data = response.read(_MOST_BYTES)
        except urllib.error.HTTPError as error:
            with error:
                return _refused(error.code, error.headers)
        except TimeoutError:
            return _Fault(f"did not answer within {self.timeout_s:g} s", is_passing=True)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, TimeoutError):
                return _Fault(f"did not answer within {self.timeout_s:g} s", is_passing=True)
            return _Fault(f"cannot be reached ({type(reason).__name__})", is_passing=True)
        return _read(data, monotonic_ns() - start_ns)


def checked_url(url: str, *, has_key: bool) -> str:
    """The address; UsageError for one that is none, or over which a key would not be safe."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise UsageError(_NO_ADDRESS) from None
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(_NO_ADDRESS)
    if parts.username is not None or parts.password is not None:
        raise UsageError("Leave user and password out of the address; the key has a variable.")
    if has_key and parts.scheme == "http" and not is_local(host):
        raise UsageError(
            "The key would go to another machine unencrypted. Use https, or --key-from '' to send "
            "none."
        )
    return url


def is_local(host: str | None) -> bool:
    """Whether a call of this host stays on this machine."""
    return host in _LOCAL


@dataclass(frozen=True, slots=True)
class _Fault:
    """What went wrong; `is_passing`: it may work again, after `wait_s` if the server said so."""

    reason: str
    is_passing: bool = False
    wait_s: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows none: the key would go along to wherever the server points."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _opener(scheme: str, host: str | None) -> urllib.request.OpenerDirector:
    """Only https goes through the system's proxy, in a tunnel: others would hand it the texts."""
    if scheme != "https" or is_local(host):
        return urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(_NoRedirect)


def _refused(status: int, headers: Headers | None) -> _Fault:
    if status in _HOPELESS:
        raise ServerRefusedError(f"{_HOPELESS[status]} (HTTP {status})")
    if 300 <= status < 400:
        raise ServerRefusedError(f"points to another address (HTTP {status}), give that one")
    return _Fault(f"answered HTTP {status}", status in _AGAIN, _retry_after_s(headers))


def _retry_after_s(headers: Headers | None) -> float | None:
    """Seconds; None where the server does not say, or says a date."""
    if headers is None:
        return None
    for name, share in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * share
        except ValueError:
            continue
        if seconds >= 0:
            return seconds
    return None


def _read(data: bytes, took_ns: int) -> Reply | _Fault:
    """The reply in a response's body.

    A server that sends anything else may do better next time, unless it billed this one.
    """
    given = made = None
    try:
        body = json.loads(data)
        usage = body.get("usage") or {}
        given, made = _whole(usage.get("prompt_tokens")), _whole(usage.get("completion_tokens"))
        choice = body["choices"][0]
        text = choice["message"]["content"]
        is_cut = choice.get("finish_reason") == "length"
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        is_billed = given is not None or made is not None
        return _Fault("sent something that is no chat completion", not is_billed, None, given, made)
    if not isinstance(text, str):
        # A refusal, or reasoning that used up the limit: it would come, and be billed, again.
        return _Fault("sent an answer without text", False, None, given, made)
    return Reply(text, given, made, took_ns, is_cut)


def _whole(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None
