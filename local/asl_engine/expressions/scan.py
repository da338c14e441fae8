"""Lexical analysis of JSONata text: what it reads, and what of it Step Functions forbids."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

BUILT_IN_FUNCTIONS: Final = frozenset(
    """abs append assert average base64decode base64encode boolean ceil clone contains count
    decodeUrl decodeUrlComponent distinct each encodeUrl encodeUrlComponent error eval exists
    filter floor formatBase formatInteger formatNumber fromMillis join keys length lookup
    lowercase map match max merge millis min not now number pad parseInteger parseNumber power
    random reduce replace reverse round shuffle sift single sort split spread sqrt string
    substring substringAfter substringBefore sum toMillis trim type uppercase values zip
    hash parse partition range uuid""".split()  # noqa: SIM905 - a list of words reads better
)
"""Functions of JSONata 2.0.6 and the six that Step Functions adds."""

_KEYWORDS: Final = frozenset({"and", "or", "in", "true", "false", "null", "function", "λ"})
_INFIX_WORDS: Final = frozenset({"and", "or", "in"})
_PATTERN: Final = re.compile(
    r"""
      (?P<space>[ \t\n\r\v\f]+|/\*.*?\*/)
    | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    | (?P<number>(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)
    | (?P<quoted>`[^`]*`)
    | (?P<op>:=|!=|<=|>=|~>|\.\.|\*\*|\?\?|\?:|[.\[\]{}(),@\#;:?+\-*/%|=<>^&!~])
    | (?P<var>\$[^\s.\[\]{}(),@\#;:?+\-*/%|=<>^&!~"'`]*)
    | (?P<name>[^\s.\[\]{}(),@\#;:?+\-*/%|=<>^&!~"'`$][^\s.\[\]{}(),@\#;:?+\-*/%|=<>^&!~"'`]*)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Token(NamedTuple):
    """One lexeme.

    Attributes:
        kind: `string`, `number`, `name` (a field name), `var`, `regex` or `op`.
        text: The value: a string's content, a variable's name without its dollar.
        offset: Index of its first character in the source.
        infix: Whether it stands where an operator, not an operand, is expected.
    """

    kind: str
    text: str
    offset: int
    infix: bool


@dataclass(frozen=True)
class References:
    """What an expression reads from outside itself.

    Attributes:
        variables: Names of the free variables, without the dollar, `states` excluded.
        states_fields: Fields of `$states` it reads (`input`, `result`, ...); `*` if it takes
            `$states` as a whole.
        functions: Names of the functions that it calls or passes on, without the dollar.
    """

    variables: frozenset[str] = frozenset()
    states_fields: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()

    def __or__(self, other: References) -> References:
        """Joins what two expressions read."""
        return References(
            self.variables | other.variables,
            self.states_fields | other.states_fields,
            self.functions | other.functions,
        )


class Problem(NamedTuple):
    """A use that Step Functions forbids, and where in the text it is."""

    message: str
    offset: int


@dataclass(frozen=True)
class Scan:
    """What one pass over the text of an expression tells.

    Attributes:
        references: Free variables, fields of `$states`, functions.
        paths: For each variable used, the fixed path read from it, the name first.
        problems: Forbidden uses, in the order of the text.
        uses_function_values: Whether a function may be a value of the result.
        uses_parent: Whether the parent operator `%` occurs as a step.
    """

    references: References
    paths: frozenset[tuple[str, ...]]
    problems: tuple[Problem, ...]
    uses_function_values: bool
    uses_parent: bool


def unquote(text: str) -> str:
    """Returns the content of a JSONata string literal, escapes resolved."""

    def resolve(match: re.Match[str]) -> str:
        escape = match.group(1)
        return chr(int(escape[1:], 16)) if len(escape) > 1 else _ESCAPES.get(escape, escape)

    content = _ESCAPE.sub(resolve, text[1:-1])
    if any("\ud800" <= char <= "\udfff" for char in content):  # join escaped surrogate pairs
        content = content.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return content


def tokenize(text: str) -> list[Token]:
    """Splits an expression that the library has accepted into tokens.

    Text that is not JSONata gives tokens up to the first character that fits nowhere.
    """
    tokens: list[Token] = []
    offset, operand_done = 0, False
    while offset < len(text):
        if text[offset] == "/" and not operand_done and not text.startswith("/*", offset):
            end = _regex_end(text, offset)
            tokens.append(Token("regex", text[offset:end], offset, infix=False))
            offset, operand_done = end, True
            continue
        match = _PATTERN.match(text, offset)
        if match is None:
            break
        kind, lexeme = match.lastgroup or "", match.group()
        infix = operand_done
        if kind == "string":
            tokens.append(Token(kind, unquote(lexeme), offset, infix))
            operand_done = True
        elif kind == "quoted":
            tokens.append(Token("name", lexeme[1:-1], offset, infix))
            operand_done = True
        elif kind == "var":
            tokens.append(Token(kind, lexeme[1:], offset, infix))
            operand_done = True
        elif kind in ("number", "name"):
            tokens.append(Token(kind, lexeme, offset, infix))
            operand_done = not (infix and lexeme in _INFIX_WORDS)
        elif kind == "op":
            tokens.append(Token(kind, lexeme, offset, infix))
            wildcard = not infix and lexeme in ("*", "**", "%")
            operand_done = lexeme in (")", "]", "}") or wildcard
        offset = match.end()
    return tokens


def _regex_end(text: str, start: int) -> int:
    """Returns the index after the regular expression literal that begins at `start`."""
    depth, index = 0, start + 1
    while index < len(text):
        char = text[index]
        if char == "\\":
            index += 1
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "/" and depth <= 0:
            index += 1
            while index < len(text) and text[index] in "im":
                index += 1
            return index
        index += 1
    return len(text)


@dataclass
class _Bracket:
    has_context: bool
    is_params: bool = False


def scan(tokens: list[Token]) -> Scan:
    """Analyses an expression that the library has accepted.

    Args:
        tokens: The expression as `tokenize` splits it.

    Returns:
        Its references and the forbidden uses: `$eval`; operators that the JSONata of Step
        Functions does not have; and `$`, `$$` or a field name with nothing to apply to, since a
        state machine binds no input document.
    """
    brackets = [_Bracket(has_context=False)]
    local_names = _local_names(tokens)
    lenient = any(t.kind == "op" and t.text == "|" for t in tokens)
    paths: set[tuple[str, ...]] = set()
    functions: set[str] = set()
    problems: list[Problem] = []
    function_values = uses_parent = False
    after_params = in_signature = False

    for i, token in enumerate(tokens):
        before = tokens[i - 1] if i else None
        after = tokens[i + 1] if i + 1 < len(tokens) else None
        is_step = before is not None and before.kind == "op" and before.text == "."
        called = after is not None and after.kind == "op" and after.text == "("
        if in_signature:  # function($x)<n:n>{ ... }: its letters are types
            if token.text != "{":
                continue
            in_signature, after_params = False, True
        if token.kind == "op":
            if token.text in "([{":
                brackets.append(_open(token, before, i, tokens, brackets[-1], after_params))
            elif token.text in ")]}":
                closed = brackets.pop() if len(brackets) > 1 else brackets[0]
                if closed.is_params:
                    after_params = True
                    in_signature = after is not None and after.text == "<"
                    continue
            elif token.text in ("??", "?:"):
                problems.append(
                    Problem(
                        f"the operator {token.text} is newer than Step Functions' JSONata 2.0.6: "
                        "use $exists(x) ? x : y",
                        token.offset,
                    )
                )
            elif token.text == "%" and not token.infix:
                uses_parent = True
            elif token.text in ("|", "~>") or (
                token.text == "?" and _is_placeholder(before, after)
            ):
                function_values = True
            after_params = False
            continue
        after_params = False
        if token.kind == "regex":
            function_values = True
        elif token.kind == "var":
            name = token.text
            if name in ("", "$"):
                if not (is_step or brackets[-1].has_context or lenient):
                    problems.append(Problem(f"${name} has no value at the top level", token.offset))
                continue
            if name == "eval":
                problems.append(Problem("$eval is not allowed: use $parse", token.offset))
            if name in BUILT_IN_FUNCTIONS and (called or name not in local_names):
                functions.add(name)
            if not called and name in BUILT_IN_FUNCTIONS:
                function_values = True
            paths.add((name, *_fixed_steps(tokens, i)))
        elif token.kind == "name":
            if not token.infix and token.text in ("function", "λ") and called:
                function_values = True
            elif token.text not in _KEYWORDS and not (
                is_step or brackets[-1].has_context or lenient
            ):
                problems.append(
                    Problem(
                        f"the field name {token.text!r} applies to nothing: "
                        f"begin at a variable, as in $states.input.{token.text}",
                        token.offset,
                    )
                )

    free = {
        path[0]
        for path in paths
        if path[0] not in local_names and path[0] not in BUILT_IN_FUNCTIONS
    }
    states_fields = {path[1] if len(path) > 1 else "*" for path in paths if path[0] == "states"}
    return Scan(
        References(frozenset(free - {"states"}), frozenset(states_fields), frozenset(functions)),
        frozenset(paths),
        tuple(problems),
        function_values,
        uses_parent,
    )


def _open(
    token: Token,
    before: Token | None,
    index: int,
    tokens: list[Token],
    parent: _Bracket,
    after_params: bool,
) -> _Bracket:
    """Tells whether names inside the bracket that opens here have something to apply to."""
    is_operator = before is not None and before.kind == "op"
    if is_operator and before is not None and before.text in (".", "^"):
        return _Bracket(has_context=True)
    if after_params:
        return _Bracket(has_context=parent.has_context)
    if token.text == "(":
        is_params = (
            before is not None
            and before.kind == "name"
            and not before.infix
            and before.text in ("function", "λ")
        )
        # `items.$f($)`: the call is a step, so its arguments see the item.
        called_as_step = token.infix and index >= 2 and tokens[index - 2].text == "."
        return _Bracket(parent.has_context or called_as_step, is_params)
    return _Bracket(parent.has_context or token.infix)


def _is_placeholder(before: Token | None, after: Token | None) -> bool:
    """Tells whether a question mark is an argument left open: `$f(?, 2)`."""
    return (before is not None and before.text in ("(", ",")) or (
        after is not None and after.text in (")", ",")
    )


def _local_names(tokens: list[Token]) -> set[str]:
    """Collects the variables that the expression binds itself, wherever it does."""
    names: set[str] = set()
    params = False
    for i, token in enumerate(tokens):
        if token.kind == "name" and token.text in ("function", "λ"):
            params = i + 1 < len(tokens) and tokens[i + 1].text == "("
        elif token.kind == "op" and token.text == ")":
            params = False
        elif token.kind == "var":
            assigned = i + 1 < len(tokens) and tokens[i + 1].text == ":="
            bound = i > 0 and tokens[i - 1].kind == "op" and tokens[i - 1].text in ("@", "#")
            if params or assigned or bound:
                names.add(token.text)
    return names


def _fixed_steps(tokens: list[Token], index: int) -> list[str]:
    """Lists the field names that follow a variable: `$v.a.b[0].c` gives a, b."""
    steps: list[str] = []
    i = index + 1
    while (
        i + 1 < len(tokens)
        and tokens[i].kind == "op"
        and tokens[i].text == "."
        and tokens[i + 1].kind in ("name", "string")
    ):
        steps.append(tokens[i + 1].text)
        i += 2
    return steps
