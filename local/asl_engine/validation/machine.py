"""Checks of a whole machine: its scopes, states, names, error handling and variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from asl_engine.validation.fields import JSONATA_ONLY, FieldChecker, Use
from asl_engine.validation.graph import assignments_of, check_transitions, variables_on_entry
from asl_engine.validation.report import (
    DUPLICATE_NAME,
    QUERY_LANGUAGE,
    SCHEMA,
    SHADOWED_VARIABLE,
    UNDEFINED_VARIABLE,
    UNKNOWN_ERROR_NAME,
    UNSUPPORTED,
    Report,
    at,
    kind_of,
    listed,
)
from asl_engine.validation.rules import (
    BRANCH_FIELDS,
    CATCHER_FIELDS,
    CHOICE_RULE_FIELDS,
    ERROR_NAMES,
    ITEM_PROCESSOR_FIELDS,
    MACHINE_FIELDS,
    MAX_NAME_LENGTH,
    PROCESSOR_CONFIG_FIELDS,
    RETRIER_FIELDS,
    STATE_FIELDS,
    FieldRule,
    string,
)


class _Scope(NamedTuple):
    """A machine, or a branch or an item processor inside a state."""

    definition: Mapping[str, Any]
    location: str
    rules: Mapping[str, FieldRule]


class MachineValidator:
    """One run over one definition."""

    def __init__(self, report: Report, allow_substitutions: bool) -> None:
        """Takes where to put findings, and whether `${Name}` may stand for a value."""
        self._report = report
        self._checker = FieldChecker(report, allow_substitutions)
        self._names: dict[str, str] = {}

    def machine(self, definition: Mapping[str, Any]) -> None:
        """Checks the definition from the top."""
        language = definition.get("QueryLanguage")
        if language is not None and language != "JSONata":
            self._report.error(
                QUERY_LANGUAGE,
                "/QueryLanguage",
                f"QueryLanguage is {language!r:.40}: {JSONATA_ONLY}",
            )
        elif language is None and not self._all_states_name_jsonata(definition):
            self._report.error(
                QUERY_LANGUAGE,
                "",
                f"QueryLanguage is missing, which means JSONPath: {JSONATA_ONLY}, so add "
                '"QueryLanguage": "JSONata"',
            )
        self._scope(_Scope(definition, "", MACHINE_FIELDS), frozenset())
        self._checker.find_substitutions(definition, "")

    @staticmethod
    def _all_states_name_jsonata(definition: Mapping[str, Any]) -> bool:
        states = definition.get("States")
        return isinstance(states, Mapping) and all(
            isinstance(s, Mapping) and s.get("QueryLanguage") == "JSONata" for s in states.values()
        )

    def _scope(self, scope: _Scope, inherited: frozenset[str]) -> None:
        """Checks a machine, a branch or an item processor, and what is inside it."""
        definition, location = scope.definition, scope.location
        self._checker.fields(definition, scope.rules, location, "a state machine")
        states = definition.get("States")
        if not isinstance(states, Mapping):
            return
        if not states:
            self._report.error(SCHEMA, at(location, "States"), "States must not be empty")
            return
        uses: dict[Any, list[Use]] = {}
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
        assigned: set[str] = set()
        for name, state in states.items():
            place = at(location, "States", name)
            for variable, where in assignments_of(state, place) if name in uses else ():
                assigned.add(variable)
                if variable in inherited:
                    self._report.warning(
                        SHADOWED_VARIABLE,
                        where,
                        f"${variable} is a variable of the scope around: use another name here",
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

    def _state(self, state: Mapping[str, Any], place: str) -> list[Use]:
        kind = state.get("Type")
        rules = STATE_FIELDS.get(kind) if isinstance(kind, str) else None
        if rules is None:
            known = listed(STATE_FIELDS)
            what = "Type is missing" if "Type" not in state else f"Type is {kind!r:.40}"
            self._report.error(SCHEMA, at(place, "Type"), f"{what}: it is one of {known}")
            return []
        uses = self._checker.fields(state, rules, place, f"a {kind} state")
        language = state.get("QueryLanguage")
        if language is not None and language != "JSONata":
            self._report.error(
                QUERY_LANGUAGE,
                at(place, "QueryLanguage"),
                f"QueryLanguage is {language!r:.40}: {JSONATA_ONLY}",
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
    ) -> list[Use]:
        """Checks the objects of an array: choice rules, retriers, catchers."""
        uses: list[Use] = []
        items = state.get(field)
        for index, item in enumerate(items if isinstance(items, list) else ()):
            where = at(place, field, index)
            if isinstance(item, Mapping):
                uses += self._checker.fields(item, rules, where, what)
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
        self._checker.fields(config, PROCESSOR_CONFIG_FIELDS, where, "a ProcessorConfig")
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
