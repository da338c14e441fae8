"""Validation of state machine definitions, before anything of them runs."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from asl_engine.expressions import ExpressionError, compile_expression, is_expression
from asl_engine.validation_graph import check_transitions, edges_of, variables_on_entry
from asl_engine.validation_lint import lint
from asl_engine.validation_report import (
    DUPLICATE_NAME,
    INVALID_EXPRESSION,
    INVALID_JSON,
    INVALID_RESOURCE,
    QUERY_LANGUAGE,
    SCHEMA,
    SHADOWED_VARIABLE,
    UNDEFINED_VARIABLE,
    UNKNOWN_ERROR_NAME,
    UNRESOLVED,
    UNSUPPORTED,
    Diagnostic,
    Report,
    at,
    kind_of,
    listed,
)
from asl_engine.validation_rules import (
    BRANCH_FIELDS,
    CATCHER_FIELDS,
    CHOICE_RULE_FIELDS,
    DISTRIBUTED_FIELDS,
    ERROR_NAMES,
    ITEM_PROCESSOR_FIELDS,
    JSONPATH_FIELDS,
    MACHINE_FIELDS,
    MAX_NAME_LENGTH,
    PROCESSOR_CONFIG_FIELDS,
    RETRIER_FIELDS,
    STATE_FIELDS,
    FieldRule,
    string,
)

__all__ = ["Diagnostic", "lint", "validate"]

MAX_DEFINITION_BYTES: Final = 1_048_576
"""Longest definition text; AWS's limit."""
MAX_DEPTH: Final = 200
"""Deepest nesting of objects and arrays in a definition."""

_JSONATA_ONLY: Final = "this engine runs QueryLanguage JSONata only"
_SUBSTITUTION: Final = re.compile(r"\$\{[A-Za-z0-9_.:-]+\}")
_COMPARISON: Final = re.compile(r"(String|Numeric|Boolean|Timestamp|Is)[A-Z]\w*\Z")
_PLACES: Final = {
    "result": "Output and Assign of Task, Parallel and Map",
    "errorOutput": "Output and Assign of a Catch",
}


class _Use(NamedTuple):
    """A variable that an expression reads, and where."""

    name: str
    location: str


class _Scope(NamedTuple):
    """A branch or an item processor inside a state."""

    definition: Mapping[str, Any]
    location: str
    rules: Mapping[str, FieldRule]


def validate(
    definition: Mapping[str, Any] | str | bytes, *, allow_substitutions: bool = False
) -> list[Diagnostic]:
    """Checks a definition against the Amazon States Language in JSONata mode.

    Args:
        definition: The definition, as an object or as JSON text.
        allow_substitutions: Whether `${Name}` may stand for any value, as in a template that is
            still to be deployed.

    Returns:
        What is wrong, in the order of the definition; without an `ERROR` it can run. Any input
        gives diagnostics, never an exception.
    """
    report = Report()
    value: Any = definition
    if isinstance(definition, str | bytes | bytearray):
        parsed = _parse(definition, report)
        if parsed is _UNREADABLE:
            return report.diagnostics
        value = parsed
    if not isinstance(value, Mapping):
        report.error(
            INVALID_JSON, "", f"a state machine definition is an object, not {kind_of(value)}"
        )
        return report.diagnostics
    if _too_deep(value):
        report.error(SCHEMA, "", f"the definition is nested more than {MAX_DEPTH} levels deep")
        return report.diagnostics
    _Validator(report, allow_substitutions).machine(value)
    return report.diagnostics


_UNREADABLE: Final = object()


def _parse(text: str | bytes | bytearray, report: Report) -> Any:
    duplicates: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) < len(items):
            keys = [key for key, _ in items]
            duplicates.extend(sorted({key for key in keys if keys.count(key) > 1}))
        return result

    def constant(name: str) -> Any:
        raise ValueError(f"{name} is not JSON")

    if len(text) > MAX_DEFINITION_BYTES:
        report.error(
            INVALID_JSON, "", f"the definition is longer than {MAX_DEFINITION_BYTES} bytes"
        )
        return _UNREADABLE
    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    except RecursionError:
        report.error(INVALID_JSON, "", "the definition is nested too deeply")
        return _UNREADABLE
    except ValueError as error:  # malformed text or encoding, NaN, digits without end
        report.error(INVALID_JSON, "", f"the definition is not JSON: {error}")
        return _UNREADABLE
    for name in duplicates:
        report.error(DUPLICATE_NAME, "", f"the name {name!r:.100} occurs twice in one object")
    return value


def _too_deep(value: Any) -> bool:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for container in level
            for item in (container.values() if isinstance(container, Mapping) else container)
            if isinstance(item, Mapping | list)
        ]
        if not level:
            return False
    return True


class _Validator:
    """One run over one definition."""

    def __init__(self, report: Report, allow_substitutions: bool) -> None:
        self._report = report
        self._allow_substitutions = allow_substitutions
        self._names: dict[str, str] = {}
        self._jsonata_at_top = False

    def machine(self, definition: Mapping[str, Any]) -> None:
        language = definition.get("QueryLanguage")
        self._jsonata_at_top = language == "JSONata"
        if language is not None and not self._jsonata_at_top:
            self._report.error(
                QUERY_LANGUAGE,
                "/QueryLanguage",
                f"QueryLanguage is {language!r:.40}: {_JSONATA_ONLY}",
            )
        elif language is None and not self._all_states_name_jsonata(definition):
            self._report.error(
                QUERY_LANGUAGE,
                "",
                f"QueryLanguage is missing, which means JSONPath: {_JSONATA_ONLY}, so add "
                '"QueryLanguage": "JSONata"',
            )
        self._scope(_Scope(definition, "", MACHINE_FIELDS), frozenset())
        self._find_substitutions(definition, "")

    @staticmethod
    def _all_states_name_jsonata(definition: Mapping[str, Any]) -> bool:
        states = definition.get("States")
        return isinstance(states, Mapping) and all(
            isinstance(s, Mapping) and s.get("QueryLanguage") == "JSONata" for s in states.values()
        )

    def _scope(self, scope: _Scope, inherited: frozenset[str]) -> None:
        """Checks a machine, a branch or an item processor, and what is inside it."""
        definition, location = scope.definition, scope.location
        self._fields(definition, scope.rules, location, "a state machine")
        states = definition.get("States")
        if not isinstance(states, Mapping):
            return
        if not states:
            self._report.error(SCHEMA, at(location, "States"), "States must not be empty")
            return
        uses: dict[Any, list[_Use]] = {}
        inner: dict[Any, list[_Scope]] = {}
        for name, state in states.items():
            place = at(location, "States", name)
            self._name(name, place)
            if isinstance(state, Mapping):
                uses[name] = self._state(state, place)
                inner[name] = list(self._inner_scopes(state, place))
            else:
                self._report.error(
                    SCHEMA, place, f"a state must be an object, not {kind_of(state)}"
                )
        start = definition.get("StartAt")
        check_transitions(start, states, location, self._report)
        entry = variables_on_entry(start, states, inherited)
        assigned = frozenset[str]().union(
            *(
                e.assigned
                for s in states.values()
                if isinstance(s, Mapping)
                for e in edges_of(s, "")
            )
        )
        for name in sorted(assigned & inherited):
            self._report.warning(
                SHADOWED_VARIABLE,
                at(location, "States"),
                f"${name} is assigned in this scope and around it: use another name here",
            )
        for name, found in uses.items():
            known = entry.get(name, inherited | assigned)
            for use in found:
                if use.name not in known:
                    self._report.warning(
                        UNDEFINED_VARIABLE,
                        use.location,
                        f"no state before this one assigns ${use.name}",
                    )
            for nested in inner[name]:
                self._scope(nested, known)

    def _name(self, name: Any, place: str) -> None:
        if not isinstance(name, str):
            self._report.error(SCHEMA, place, f"a state's name {string(name)}")
        elif not name.strip():
            self._report.error(SCHEMA, place, "a state's name must not be blank")
        elif len(name) > MAX_NAME_LENGTH:
            self._report.error(
                SCHEMA,
                place,
                f"a state's name has at most {MAX_NAME_LENGTH} characters, not {len(name)}",
            )
        elif name in self._names:
            self._report.error(
                DUPLICATE_NAME,
                place,
                f"the state name is taken by {self._names[name]}: names are unique in the machine",
            )
        else:
            self._names[name] = place

    def _state(self, state: Mapping[str, Any], place: str) -> list[_Use]:
        kind = state.get("Type")
        rules = STATE_FIELDS.get(kind) if isinstance(kind, str) else None
        if rules is None:
            known = listed(STATE_FIELDS)
            what = "Type is missing" if "Type" not in state else f"Type is {kind!r:.40}"
            self._report.error(SCHEMA, at(place, "Type"), f"{what}: it is one of {known}")
            return []
        uses = self._fields(state, rules, place, f"a {kind} state")
        language = state.get("QueryLanguage")
        if language is not None and language != "JSONata":
            self._report.error(
                QUERY_LANGUAGE,
                at(place, "QueryLanguage"),
                f"QueryLanguage is {language!r:.40}: {_JSONATA_ONLY}",
            )
        if "Next" in rules and ("Next" in state) == ("End" in state):
            both = "Next" in state
            self._report.error(
                SCHEMA,
                place,
                "has both Next and End: keep one" if both else "needs Next, or End: true",
            )
        if kind == "Wait" and ("Seconds" in state) == ("Timestamp" in state):
            self._report.error(SCHEMA, place, "a Wait state needs either Seconds or Timestamp")
        if kind == "Task":
            self._heartbeat(state, place)
        if kind == "Choice":
            uses += self._each(state, "Choices", CHOICE_RULE_FIELDS, place, "a choice rule")
        if "Retry" in rules:
            uses += self._each(state, "Retry", RETRIER_FIELDS, place, "a retrier")
            uses += self._each(state, "Catch", CATCHER_FIELDS, place, "a catcher")
            self._error_names(state, "Retry", place)
            self._error_names(state, "Catch", place)
            self._delays(state.get("Retry"), at(place, "Retry"))
        return uses

    def _each(
        self,
        state: Mapping[str, Any],
        field: str,
        rules: Mapping[str, FieldRule],
        place: str,
        what: str,
    ) -> list[_Use]:
        """Checks the objects of an array: choice rules, retriers, catchers."""
        uses: list[_Use] = []
        items = state.get(field)
        for index, item in enumerate(items if isinstance(items, list) else ()):
            where = at(place, field, index)
            if isinstance(item, Mapping):
                uses += self._fields(item, rules, where, what)
            else:
                self._report.error(SCHEMA, where, f"{what} must be an object, not {kind_of(item)}")
        return uses

    def _inner_scopes(self, state: Mapping[str, Any], place: str) -> Iterator[_Scope]:
        if state.get("Type") == "Parallel" and isinstance(state.get("Branches"), list):
            for index, branch in enumerate(state["Branches"]):
                where = at(place, "Branches", index)
                if isinstance(branch, Mapping):
                    yield _Scope(branch, where, BRANCH_FIELDS)
                else:
                    self._report.error(
                        SCHEMA, where, f"a branch must be an object, not {kind_of(branch)}"
                    )
        processor = state.get("ItemProcessor")
        if state.get("Type") == "Map" and isinstance(processor, Mapping):
            where = at(place, "ItemProcessor")
            config = processor.get("ProcessorConfig")
            if isinstance(config, Mapping):
                self._processor_config(config, at(where, "ProcessorConfig"))
            yield _Scope(processor, where, ITEM_PROCESSOR_FIELDS)

    def _processor_config(self, config: Mapping[str, Any], where: str) -> None:
        self._fields(config, PROCESSOR_CONFIG_FIELDS, where, "a ProcessorConfig")
        mode = config.get("Mode", "INLINE")
        if mode == "DISTRIBUTED":
            self._report.error(
                UNSUPPORTED,
                at(where, "Mode"),
                "this engine runs Map in INLINE mode only: a DISTRIBUTED Map starts child "
                "executions and keeps its results in S3",
            )
        elif mode != "INLINE":
            self._report.error(SCHEMA, at(where, "Mode"), f"Mode must be INLINE, not {mode!r:.40}")
        elif "ExecutionType" in config:
            self._report.error(
                SCHEMA,
                at(where, "ExecutionType"),
                "ExecutionType goes with Mode DISTRIBUTED only: leave it out",
            )

    def _fields(
        self, holder: Mapping[str, Any], rules: Mapping[str, FieldRule], place: str, what: str
    ) -> list[_Use]:
        """Checks that an object has the fields it needs, no others, and each as it should be."""
        uses: list[_Use] = []
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
                QUERY_LANGUAGE, where, f"{key} is a field of JSONPath: {_JSONATA_ONLY}{hint}"
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

    def _field(self, key: str, value: Any, rule: FieldRule, where: str) -> list[_Use]:
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

    def _template(self, value: Any, rule: FieldRule, where: str) -> list[_Use]:
        """Checks the expressions anywhere inside a value."""
        if isinstance(value, str):
            return self._expression(value, rule, where) or []
        uses: list[_Use] = []
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

    def _expression(self, text: str, rule: FieldRule, where: str) -> list[_Use] | None:
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
        return [_Use(name, where) for name in sorted(references.variables)]

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

    def _heartbeat(self, state: Mapping[str, Any], place: str) -> None:
        heartbeat, timeout = state.get("HeartbeatSeconds"), state.get("TimeoutSeconds")
        if type(heartbeat) is int and type(timeout) is int and heartbeat >= timeout:
            self._report.error(
                SCHEMA,
                at(place, "HeartbeatSeconds"),
                f"HeartbeatSeconds must be less than TimeoutSeconds ({timeout}), not {heartbeat}",
            )

    def _delays(self, retriers: Any, where: str) -> None:
        for index, retrier in enumerate(retriers if isinstance(retriers, list) else ()):
            if not isinstance(retrier, Mapping):
                continue
            interval, longest = retrier.get("IntervalSeconds", 1), retrier.get("MaxDelaySeconds")
            if type(interval) is int and type(longest) is int and longest <= interval:
                self._report.error(
                    SCHEMA,
                    at(where, index, "MaxDelaySeconds"),
                    f"MaxDelaySeconds must exceed IntervalSeconds ({interval}), not be {longest}",
                )

    def _error_names(self, state: Mapping[str, Any], field: str, place: str) -> None:
        rules = state.get(field)
        if not isinstance(rules, list):
            return
        for index, rule in enumerate(rules):
            names = rule.get("ErrorEquals") if isinstance(rule, Mapping) else None
            if not isinstance(names, list):
                continue
            where = at(place, field, index, "ErrorEquals")
            for position, name in enumerate(names):
                if not isinstance(name, str) or not name:
                    reason = string(name) or "must not be empty"
                    self._report.error(SCHEMA, at(where, position), f"an error name {reason}")
                elif name.startswith("States.") and name not in ERROR_NAMES:
                    self._report.warning(
                        UNKNOWN_ERROR_NAME,
                        at(where, position),
                        f"Step Functions gives no error {name!r:.80}, and the prefix is its own",
                    )
            if "States.ALL" in names and len(names) > 1:
                self._report.error(SCHEMA, where, "States.ALL must stand alone in ErrorEquals")
            if "States.ALL" in names and index < len(rules) - 1:
                self._report.error(
                    SCHEMA, where, f"States.ALL must be in the last entry of {field}"
                )

    def _is_substitution(self, value: Any) -> bool:
        return (
            self._allow_substitutions
            and isinstance(value, str)
            and _SUBSTITUTION.search(value) is not None
        )

    def _find_substitutions(self, value: Any, where: str) -> None:
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
                self._find_substitutions(item, at(where, key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self._find_substitutions(item, at(where, index))
