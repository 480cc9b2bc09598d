"""Which thread a record is from.

Not `get_ident()`: an ident is reused as soon as its thread has ended, and the next thread would be
taken for the one before.
"""

from __future__ import annotations

import threading


class ThreadKey:
    """One thread; `native_id` is the kernel's number, None where that is not known."""

    __slots__ = ("name", "native_id")

    def __init__(self, native_id: int | None, name: str) -> None:
        self.native_id = native_id
        self.name = name


class _ThisThread(threading.local):
    key: ThreadKey


# `.key` is this thread's; AttributeError until `key_of_this_thread()` has run on it.
this_thread = _ThisThread()


def key_of_this_thread() -> ThreadKey:
    """This thread's key, made on the first call."""
    try:
        return this_thread.key
    except AttributeError:
        pass
    ident = threading.get_ident()
    # Not current_thread(): that registers a dummy for foreign threads, under a lock which a signal
    # handler may have interrupted.
    thread = getattr(threading, "_active", {}).get(ident)
    native_id = getattr(thread, "native_id", None)
    this_thread.key = ThreadKey(native_id, getattr(thread, "name", None) or f"thread-{ident}")
    return this_thread.key
