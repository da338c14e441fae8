"""Checks of the fields of one object: which there are, what they hold, their expressions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from asl_engine.expressions import ExpressionError, compile_expression, is_expression
from asl_engine.validation.report import (
    INVALID_EXPRESSION,
    INVALID_RESOURCE,
    QUERY_LANGUAGE,
    SCHEMA,
    UNRESOLVED,
    UNSUPPORTED,
    Report,
    at,
    kind_of,
    listed,
)
from asl_engine.validation.rules import (
    DISTRIBUTED_FIELDS,
    JSONPATH_FIELDS,
    MAX_NAME_LENGTH,
    FieldRule,
    string,
)

JSONATA_ONLY: Final = "this engine runs QueryLanguage JSONata only"

_SUBSTITUTION: Final = re.compile(r"\$\{[A-Za-z0-9_.:-]+\}")
_COMPARISON: Final = re.compile(r"(String|Numeric|Boolean|Timestamp|Is)[A-Z]\w*\Z")
_PLACES: Final = {
    "result": "Output and Assign of Task, Parallel and Map",
    "errorOutput": "Output and Assign of a Catch",
}


class Use(NamedTuple):
    """A variable that an expression reads, and where."""

    name: str
    location: str


class FieldChecker:
    """Checks objects of one definition against tables of field rules."""

    def __init__(self, report: Report, allow_substitutions: bool) -> None:
        """Takes where to put findings, and whether `${Name}` may stand for a value."""
        self._report = report
        self._allow_substitutions = allow_substitutions

    def fields(
        self, holder: Mapping[str, Any], rules: Mapping[str, FieldRule], place: str, what: str
    ) -> list[Use]:
        """Checks that an object has the fields it needs, no others, and each as it should be."""
        uses: list[Use] = []
        for key, value in holder.items():
            rule = rules.get(key) if isinstance(key, str) else None
            if rule is None:
                self._unknown_field(key, rules, at(place, key), what)
            else:
                uses += self._field(key, value, rule, at(place, key))
        for key, rule in rules.items():
            if rule.required and key not in holder and key != "Type":
                self._report.error(SCHEMA, place, f"{what} needs the field {key}")
        return uses

    def _unknown_field(
        self, key: Any, rules: Mapping[str, FieldRule], where: str, what: str
    ) -> None:
        if not isinstance(key, str):
            self._report.error(SCHEMA, where, f"a field's name {string(key)}")
        elif key in JSONPATH_FIELDS or ("Condition" in rules and _COMPARISON.match(key)):
            instead = JSONPATH_FIELDS.get(key, "Condition")
            hint = f"; use {instead}" if instead.split()[0] in rules else ""
            self._report.error(
                QUERY_LANGUAGE, where, f"{key} is a field of JSONPath: {JSONATA_ONLY}{hint}"
            )
        elif key in DISTRIBUTED_FIELDS and "ItemProcessor" in rules:
            self._report.error(
                UNSUPPORTED,
                where,
                f"{key} belongs to a DISTRIBUTED Map: this engine runs Map in INLINE mode only",
            )
        else:
            near = difflib.get_close_matches(key, rules, n=1)
            if key == "Iterator" and "ItemProcessor" in rules:
                near = ["ItemProcessor"]
            hint = f"; did you mean {near[0]}?" if near else f": it has {listed(rules)}"
            self._report.error(SCHEMA, where, f"{what} has no field {key!r:.80}{hint}")

    def _field(self, key: str, value: Any, rule: FieldRule, where: str) -> list[Use]:
        if isinstance(value, str) and (rule.expression or rule.template):
            found = self._expression(value, rule, where)
            if found is not None:
                return found
        if self._is_substitution(value):
            return []
        reason = rule.check(value)
        if reason:
            code = INVALID_RESOURCE if key == "Resource" else SCHEMA
            self._report.error(code, where, f"{key} {reason}")
            return []
        if key == "Assign":
            self._variable_names(value, where)
        return self._template(value, rule, where) if rule.template else []

    def _template(self, value: Any, rule: FieldRule, where: str) -> list[Use]:
        """Checks the expressions anywhere inside a value."""
        if isinstance(value, str):
            return self._expression(value, rule, where) or []
        uses: list[Use] = []
        if isinstance(value, Mapping):
            for key, item in value.items():
                if not isinstance(key, str):
                    self._report.error(SCHEMA, at(where, key), f"a field's name {string(key)}")
                elif key.endswith(".$"):
                    self._report.warning(
                        QUERY_LANGUAGE,
                        at(where, key),
                        f"the name ends in .$ as in JSONPath; in JSONata write {key[:-2]!r:.80} "
                        "with a {% ... %} value",
                    )
                uses += self._template(item, rule, at(where, key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                uses += self._template(item, rule, at(where, index))
        elif value is not None and not isinstance(value, bool | int | float):
            self._report.error(SCHEMA, where, f"holds {kind_of(value)}, which is not JSON")
        return uses

    def _expression(self, text: str, rule: FieldRule, where: str) -> list[Use] | None:
        """Compiles an expression; returns None for a string that is none."""
        try:
            if not is_expression(text):
                return None
            source = text[2:-2].strip()
            if self._allow_substitutions:
                source = _SUBSTITUTION.sub("0", source)
            references = compile_expression(source).references
        except ExpressionError as error:
            self._report.error(INVALID_EXPRESSION, where, str(error))
            return []
        for field in sorted(references.states_fields - rule.states - {"*"}):
            place = _PLACES.get(field)
            known = f"exists only in {place}" if place else f"does not exist: {listed(rule.states)}"
            self._report.error(INVALID_EXPRESSION, where, f"$states.{field} {known}")
        return [Use(name, where) for name in sorted(references.variables)]

    def _variable_names(self, assign: Mapping[Any, Any], where: str) -> None:
        for name in assign:
            if not isinstance(name, str):
                continue  # reported with the value
            if not name.isidentifier():
                reason = "a variable's name is letters, digits and _, and begins with no digit"
            elif name == "states":
                reason = "$states is the engine's own"
            elif len(name) > MAX_NAME_LENGTH:
                reason = f"a variable's name has at most {MAX_NAME_LENGTH} characters"
            else:
                continue
            self._report.error(SCHEMA, at(where, name), f"cannot assign {name!r:.100}: {reason}")

    def _is_substitution(self, value: Any) -> bool:
        return (
            self._allow_substitutions
            and isinstance(value, str)
            and _SUBSTITUTION.search(value) is not None
        )

    def find_substitutions(self, value: Any, where: str) -> None:
        """Warns of placeholders that nothing has replaced."""
        if self._allow_substitutions:
            return
        if isinstance(value, str):
            found = _SUBSTITUTION.search(value)
            if found and not value.startswith("{%"):
                self._report.warning(
                    UNRESOLVED,
                    where,
                    f"nothing has replaced {found.group():.80}: give it a value, or check the "
                    "definition as a template",
                )
        elif isinstance(value, Mapping):
            for key, item in value.items():
                self.find_substitutions(item, at(where, key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self.find_substitutions(item, at(where, index))
