"""A first look at a program before any engine runs it: clear refusals early, never the boundary.

The host only tokenizes hostile source, it never parses it: the tokenizer does not recurse, whereas
CPython's parser can be driven to exhaust the C stack of the process that holds the credentials.
"""

import io
import tokenize
from collections.abc import Iterator

from redress.sandbox.errors import CodeTooLargeError, ForbiddenImportError, ProgramSyntaxError

ALLOWED_MODULES = frozenset(
    {
        "__future__", "abc", "array", "base64", "binascii", "bisect", "calendar", "cmath",
        "collections", "contextlib", "copy", "csv", "dataclasses", "datetime", "decimal",
        "difflib", "enum", "fractions", "functools", "graphlib", "hashlib", "heapq", "html",
        "io", "itertools", "json", "keyword", "math", "numbers", "operator", "pprint",
        "random", "re", "statistics", "string", "struct", "sys", "textwrap", "time", "types",
        "typing", "unicodedata", "uuid", "zlib",
    }
)  # fmt: skip
"""Top-level modules that a reconciliation may import."""

_SKIPPED = frozenset({tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT})


def check(code: str, *, code_bytes: int) -> bytes:
    """Refuse a program that is too long, not text, or imports what it has no use for.

    Args:
        code: The program.
        code_bytes: Greatest length in UTF-8 bytes.

    Returns:
        The program's UTF-8 bytes.

    Raises:
        CodeTooLargeError: The program is longer than `code_bytes`.
        ProgramSyntaxError: It is not encodable text, or holds a NUL.
        ForbiddenImportError: It imports a module outside `ALLOWED_MODULES`.
    """
    if len(code) > code_bytes:
        raise CodeTooLargeError(f"the program has over {code_bytes} bytes: shorten it")
    try:
        source = code.encode()
    except UnicodeEncodeError as error:
        raise ProgramSyntaxError("the program holds a lone surrogate: not valid text") from error
    if len(source) > code_bytes:
        raise CodeTooLargeError(f"the program has over {code_bytes} bytes: shorten it")
    if b"\0" in source:
        raise ProgramSyntaxError("the program holds a NUL character")
    for module, line in imported_modules(code):
        if module.split(".")[0] not in ALLOWED_MODULES:
            raise ForbiddenImportError(f"import of {module!r} in line {line} is not allowed")
    return source


def imported_modules(code: str) -> Iterator[tuple[str, int]]:
    """Yield (dotted module name, line) of each import statement, as far as the source tokenizes.

    A source that does not tokenize ends the search: the engines report its syntax error.
    """
    statement: list[str] = []
    line = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type in _SKIPPED:
                continue
            if token.type == tokenize.NEWLINE or token.string in (";", ":"):
                for module in _modules(statement):
                    yield module, line
                statement = []
                continue
            if not statement:
                line = token.start[0]
            # Only an import needs more than its first word.
            if not statement or statement[0] in ("import", "from"):
                statement.append(token.string)
    except (tokenize.TokenError, SyntaxError, ValueError):
        pass
    for module in _modules(statement):
        yield module, line


def _modules(words: list[str]) -> Iterator[str]:
    if not words or words[0] not in ("import", "from"):
        return
    name: list[str] = []
    reading = True
    for word in words[1:]:
        if word == "import":
            break
        if word == ",":
            yield "".join(name)
            name, reading = [], True
        elif word == "as":
            reading = False
        elif reading:
            name.append(word)
    if name:
        yield "".join(name)
