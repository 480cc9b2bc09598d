"""Code without comments: near for Python, whose syntax tree is compared; lossy for others."""

from __future__ import annotations

import ast
import io
import re
import tokenize

from latprobe.advice.compress.contract import Candidate, Check, Context
from latprobe.advice.compress.retention import retention

name = "code_comments"

_FENCE = re.compile(r"^```([\w+#-]*)[^\n]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
_C_LIKE = {"js", "javascript", "ts", "typescript", "java", "c", "cpp", "c++", "go", "rust", "cs"}
_PYTHON = {"py", "python", "python3"}
_SIGN = re.compile(r"^\s*(?:def |class |import |from \w[\w.]* import |async def )", re.MULTILINE)
# Comments that a tool reads are code.
_READ_BY_TOOLS = re.compile(r"#\s*(?:!|type:|noqa|pragma|pylint|fmt:|-\*-)")
_C_TOKEN = re.compile(
    r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|(//[^\n]*|/\*.*?\*/)", re.DOTALL
)
_MOST_CHARACTERS = 200_000
_MOST_LISTED = 20


def candidates(text: str, context: Context) -> list[Candidate]:
    """The text with its code's comments dropped; none without a comment."""
    if context.is_json or len(text) > _MOST_CHARACTERS:
        return []
    near = _fenced(text, _PYTHON, without_python_comments)
    if near == text and _SIGN.search(text):
        near = without_python_comments(text) or text
    found = []
    if near != text:
        comments = _gone(text, near)
        check = Check(
            "comments and blank lines are dropped; the syntax trees are equal", (), comments
        )
        found.append(Candidate(near, (name,), "near", check))
    lossy = _fenced(near, _C_LIKE, _without_c_comments)
    if lossy != near:
        executed = "comments are dropped by a scanner of strings and comments; not parsed"
        check = retention(text, lossy).check(executed)
        found.append(Candidate(lossy, (f"{name}_unparsed",), "lossy", check))
    return found


def without_python_comments(code: str) -> str | None:
    """The code without comments and blank lines; None where it does not parse, or would parse to
    something else. Docstrings stay: the tree holds them."""
    try:
        comments = [
            token
            for token in tokenize.generate_tokens(io.StringIO(code).readline)
            if token.type == tokenize.COMMENT and not _READ_BY_TOOLS.match(token.string)
        ]
        # Blank lines inside a string are the string's.
        kept = _cut(code, comments)
        if ast.dump(ast.parse(kept)) != ast.dump(ast.parse(code)):
            return None
    except (SyntaxError, ValueError, tokenize.TokenError, RecursionError, MemoryError):
        return None
    return kept if comments else None


def _cut(code: str, comments: list[tokenize.TokenInfo]) -> str:
    lines = code.split("\n")
    alone = set()
    for token in comments:
        row, column = token.start
        lines[row - 1] = lines[row - 1][:column].rstrip()
        if not lines[row - 1]:
            alone.add(row - 1)
    return "\n".join(line for number, line in enumerate(lines) if number not in alone)


def _gone(before: str, after: str) -> tuple[str, ...]:
    left = set(after.split("\n"))
    gone = [line.strip() for line in before.split("\n") if line not in left and "#" in line]
    listed = [f"comment {line[line.index('#') :]}" for line in gone[:_MOST_LISTED]]
    return (
        *listed,
        *([f"and {len(gone) - _MOST_LISTED} more"] if len(gone) > _MOST_LISTED else []),
    )


def _fenced(text: str, languages: set[str], shorten: object) -> str:
    def replaced(found: re.Match[str]) -> str:
        language, code = found.groups()
        if language.lower() not in languages or not callable(shorten):
            return found.group()
        new = shorten(code)
        return found.group() if new is None else found.group().replace(code, new, 1)

    return _FENCE.sub(replaced, text) if "```" in text else text


def _without_c_comments(code: str) -> str:
    dropped = _C_TOKEN.sub(lambda found: "" if found.group(1) else found.group(), code)
    return re.sub(r"\n[ \t]*(?=\n)", "", re.sub(r"[ \t]+$", "", dropped, flags=re.MULTILINE))
