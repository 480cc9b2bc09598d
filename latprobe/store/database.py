"""The DuckDB file: opened for one owner, read by many threads, read-only for what users write."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import psutil
import pyarrow as pa

from latprobe.errors import LatprobeError, StoreError, UsageError
from latprobe.store.migrations import migrate

_READING = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
MIN_MEMORY_BYTES = 512 << 20
MAX_MEMORY_BYTES = 4 << 30

# What a query's text or its parameters can be wrong about; all else is the store's fault.
_USERS_FAULT = (
    duckdb.ProgrammingError,
    duckdb.DataError,
    duckdb.NotSupportedError,
    duckdb.InvalidInputException,
    duckdb.PermissionException,
    duckdb.TransactionException,
)

OnCursor = Callable[[duckdb.DuckDBPyConnection], None]


class Database:
    """One open database. `writer` belongs to whoever holds `lock`; `query` is for any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.RLock()
        self.writer = _connect(path)
        try:
            migrate(self.writer)
            # cursor() on a connection that another thread is using raises, so readers have a root
            # of their own.
            self._root = self.writer.cursor()
        except (duckdb.Error, LatprobeError):
            self.writer.close()
            raise
        self._root_lock = threading.Lock()

    def close(self) -> None:
        """Closes the file; DuckDB checkpoints it."""
        with self.lock, self._root_lock:
            self._root.close()
            self.writer.close()

    def is_usable(self) -> bool:
        """False after an error that ended the database for this process."""
        try:
            self.writer.execute("SELECT 1").fetchall()
        except duckdb.Error:
            return False
        return True

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The writer within BEGIN and COMMIT; rolled back when the body raises."""
        with self.lock:
            self.writer.execute("BEGIN")
            try:
                yield self.writer
                self.writer.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise

    def query(
        self,
        sql: str,
        parameters: Sequence[object] = (),
        *,
        on_start: OnCursor | None = None,
        on_end: OnCursor | None = None,
    ) -> pa.Table:
        """The rows of one reading statement.

        `on_start` gets the cursor, whose `interrupt()` ends the query early, `on_end` gets it
        back. Raises UsageError for SQL that is wrong or could write.
        """
        with self._root_lock:
            cursor = self._root.cursor()
        try:
            _refuse_writing(cursor, sql)
            if on_start is not None:
                on_start(cursor)
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            return cursor.sql(
                sql, params=[_bindable(value) for value in parameters]
            ).to_arrow_table()
        except duckdb.InterruptException as error:
            raise StoreError("The query was interrupted.") from error
        except duckdb.Error as error:
            raise _as_ours(error) from error
        finally:
            if on_end is not None:
                on_end(cursor)
            cursor.close()

    def _roll_back(self) -> None:
        try:
            self.writer.execute("ROLLBACK")
        except duckdb.Error:
            return  # the failed statement has ended the transaction already


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + 5
    while True:
        try:
            con = duckdb.connect(
                str(path),
                config={
                    # Queries are other people's text: no files, no network, no extensions.
                    "enable_external_access": "false",
                    "autoinstall_known_extensions": "false",
                    "autoload_known_extensions": "false",
                    "python_enable_replacements": "false",
                    "memory_limit": f"{_memory_bytes() // 1_000_000}MB",
                    # A checkpoint compresses the last row group anew. At DuckDB's default of 16 MB
                    # it took 4/5 of the time of storing spans with 3 kB of content.
                    "checkpoint_threshold": "128MB",
                },
            )
            break
        except duckdb.IOException as error:
            # A killed owner's lock, or `duckdb latprobe.duckdb` by hand.
            if "lock" not in str(error).lower():
                raise
            if time.monotonic() > deadline:
                raise StoreError(
                    f"{path} is open in another program, which is not a latprobe agent. "
                    "Close it and try again."
                ) from error
            threading.Event().wait(0.1)
    con.execute("SET lock_configuration = true")
    return con


def _memory_bytes() -> int:
    total = int(psutil.virtual_memory().total)
    return max(MIN_MEMORY_BYTES, min(MAX_MEMORY_BYTES, total // 4))


def _refuse_writing(cursor: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = cursor.extract_statements(sql)
    if len(statements) != 1:
        raise UsageError(
            f"One SQL statement at a time, this has {len(statements)}. Send them one by one."
        )
    if statements[0].type not in _READING:
        raise UsageError(
            f"{statements[0].type.name} statements are refused: the store is read-only here. "
            "Write a SELECT."
        )


def _bindable(value: object) -> object:
    return str(value) if isinstance(value, (uuid.UUID, Path)) else value


def _as_ours(error: duckdb.Error) -> LatprobeError:
    text = str(error).strip()
    if isinstance(error, duckdb.TransactionException) and "read-only mode" in text:
        return UsageError("The store is read-only here: this statement writes. Write a SELECT.")
    if isinstance(error, duckdb.PermissionException):
        return UsageError(
            "SQL on the store reads its tables only, no files. "
            "Use `latprobe export` to take data elsewhere."
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        return StoreError(f"The query needs more memory than allowed: {_first_line(text)}")
    if isinstance(error, _USERS_FAULT):
        return UsageError(f"The SQL is not right: {text}")
    return StoreError(f"The store could not answer: {_first_line(text)}")


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else ""
