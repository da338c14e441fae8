"""`redress asl`: check state machine definitions, and run them without their functions."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

from asl_engine import (
    AslEngineError,
    DefinitionFileError,
    Diagnostic,
    Engine,
    Execution,
    InvalidDefinitionError,
    MemoryJournal,
    StateMachine,
    VirtualClock,
    compile_machine,
    load_definition,
    substitute,
    validate,
)
from asl_engine.validation import lint
from cyclopts import App, Parameter
from redress_local.cli.asl_mocks import START_EXECUTION, Mocks, base_resource, tasks_of
from redress_local.cli.asl_output import show_diagnostics, show_execution
from redress_local.cli.errors import UsageError
from redress_local.cli.pairs import pairs_of

app = App(name="asl", help="Check, run and serve state machine definitions.")
app.command(
    "redress_local.cli.asl_serve:serve",
    name="serve",
    help="Serve the AWS Step Functions API on this machine, for boto3 and the aws command.",
)

OK, FAILED, BAD_CALL = 0, 1, 2

Json = Annotated[bool, Parameter(name="--json", negative="")]
Settings = Annotated[tuple[str, ...], Parameter(name="--set", negative="", consume_multiple=False)]


@app.command(name="validate")
def validate_command(
    file: Path,
    /,
    *,
    house_rules: Annotated[bool, Parameter(name="--lint", negative="")] = False,
    resolved: Annotated[bool, Parameter(negative="")] = False,
    json_: Json = False,
) -> int:
    """Check the definition in FILE against the Amazon States Language in JSONata mode.

    Args:
        file: A definition: .asl.yaml, .asl.json or .json.
        house_rules: Check Redress's own rules too; a breach counts as a failure.
        resolved: Take no ${Name} for a value that is filled in later.
        json_: Print one JSON object.

    Returns:
        The exit status: 0 valid, 1 not valid, 2 the call was wrong.
    """
    try:
        definition, diagnostics = check_file(file, allow_substitutions=not resolved)
    except UsageError as error:
        return refuse(error, as_json=json_)
    breaches = lint(definition) if house_rules and definition is not None else []
    is_valid = not breaches and all(d.severity != "ERROR" for d in diagnostics)
    show_diagnostics(file, [*diagnostics, *breaches], is_valid=is_valid, as_json=json_)
    return OK if is_valid else FAILED


@app.command
def run(
    file: Path,
    /,
    *,
    input_: Annotated[str, Parameter(name="--input")] = "{}",
    mock: Path | None = None,
    machine: Annotated[tuple[str, ...], Parameter(negative="", consume_multiple=False)] = (),
    set_: Settings = (),
    history: Annotated[bool, Parameter(negative="")] = False,
    real_time: Annotated[bool, Parameter(negative="")] = False,
    json_: Json = False,
) -> int:
    """Run the state machine in FILE once, in memory, and print its output.

    Waits and retries pass at once, unless --real-time is given. A ${Name} that --set does not fill
    in becomes its own name, so that a mock can be given for it.

    Args:
        file: A definition: .asl.yaml, .asl.json or .json.
        input_: The input as JSON, or `@FILE` to read it from a file.
        mock: JSON object: name of a state, function or child machine -> its result, or
            {"error": NAME, "cause": TEXT} to fail it.
        machine: NAME=FILE: a child machine to run for real; may be given again.
        set_: NAME=VALUE for a ${Name} of the definition; may be given again.
        history: Print the execution's events too.
        real_time: Let waits and retries take their time.
        json_: Print one JSON object.

    Returns:
        The exit status: 0 succeeded, 1 failed or not valid, 2 the call was wrong.
    """
    try:
        settings = pairs_of(set_, "--set")
        children = pairs_of(machine, "--machine")
        value = _read_input(input_)
        answers = _read_mocks(mock)
        compiled: list[tuple[StateMachine, dict[str, Any]]] = []
        for name, path in [(machine_name(file), file), *_paths(children)]:
            definition, diagnostics = check_file(path, allow_substitutions=True)
            if definition is None or any(d.severity == "ERROR" for d in diagnostics):
                show_diagnostics(path, diagnostics, is_valid=False, as_json=json_)
                return FAILED
            filled = fill_in(definition, settings)
            compiled.append((compile_machine(filled, name=name), filled))
        execution, events = _run(compiled, value, answers, real_time=real_time)
    except InvalidDefinitionError as error:
        show_diagnostics(file, error.diagnostics, is_valid=False, as_json=json_)
        return FAILED
    except AslEngineError as error:
        return refuse(UsageError(str(error), "correct it and run again"), as_json=json_)
    except UsageError as error:
        return refuse(error, as_json=json_)
    show_execution(execution, events if history else None, as_json=json_)
    return OK if execution.status == "SUCCEEDED" else FAILED


def check_file(
    file: Path, *, allow_substitutions: bool
) -> tuple[dict[str, Any] | None, list[Diagnostic]]:
    """Reads and validates a file; without a definition, the diagnostics say why."""
    if not file.is_file():
        raise UsageError(f"there is no file {file}", "give the path of a definition")
    try:
        if file.suffix == ".json":
            text = file.read_bytes()
            diagnostics = validate(text, allow_substitutions=allow_substitutions)
            if any(d.code == "INVALID_JSON_DESCRIPTION" for d in diagnostics):
                return None, diagnostics
            return json.loads(text), diagnostics
        definition = load_definition(file)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"cannot read {file}: {reason}", "check its permissions") from None
    except DefinitionFileError as error:
        message = str(error).removeprefix(f"{file}: ")
        unreadable = Diagnostic(
            severity="ERROR", code="INVALID_JSON_DESCRIPTION", message=message, location=""
        )
        return None, [unreadable]
    return definition, validate(definition, allow_substitutions=allow_substitutions)


def _run(
    compiled: list[tuple[StateMachine, dict[str, Any]]],
    value: Any,
    answers: dict[str, Any] | None,
    *,
    real_time: bool,
) -> tuple[Execution, list[dict[str, Any]]]:
    whole = {
        "States": {
            str(i): {"Type": "Parallel", "Branches": [d]} for i, (_, d) in enumerate(compiled)
        }
    }
    if answers is None:
        names = sorted(
            n for n, s in tasks_of(whole) if base_resource(s["Resource"]) != START_EXECUTION
        )
        if names:
            raise UsageError(
                f"nothing answers the tasks {', '.join(names)}",
                "give their results with --mock FILE",
            )
    mocks = Mocks(answers or {})
    with Engine(
        journal=MemoryJournal(),
        integrations=mocks.integrations(whole),
        clock=None if real_time else VirtualClock(),
        max_workers=4 if real_time else 0,
    ) as engine:
        for machine, _ in compiled:
            engine.register(machine)
        mocks.attach(engine, whole)
        execution = engine.run(compiled[0][0], value)
        events = engine.history(execution.arn)
    if mocks.missing:
        raise UsageError(
            f"no mock for the states {', '.join(dict.fromkeys(mocks.missing))}",
            "add them, or their functions, to the mock file",
        )
    return execution, events


def fill_in(definition: dict[str, Any], settings: dict[str, str]) -> dict[str, Any]:
    """Fill in every ${Name}; one without a setting becomes its own name."""

    class Names(dict[str, str]):
        """Placeholders without a value stand for their own names."""

        def __contains__(self, _name: object) -> bool:
            return True

        def __missing__(self, name: str) -> str:
            return name

    filled: dict[str, Any] = substitute(definition, Names(settings))
    return filled


def _paths(children: dict[str, str]) -> list[tuple[str, Path]]:
    return [(name, Path(path)) for name, path in children.items()]


def machine_name(file: Path) -> str:
    """The name of the machine in a file."""
    name = file.name.split(".")[0]
    return (
        "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in name)[:80] or "m"
    )


def _read_input(text: str) -> Any:
    if text.startswith("@"):
        return _read_json(Path(text[1:]), "--input")
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"--input is not JSON: {error}", "pass JSON, or @FILE to read it from a file"
        ) from None


def _read_mocks(file: Path | None) -> dict[str, Any] | None:
    if file is None:
        return None
    answers = _read_json(file, "--mock")
    if not isinstance(answers, dict):
        raise UsageError(
            f"the mock file {file} is not a JSON object", 'write {"StateName": RESULT, ...}'
        )
    return answers


def _read_json(file: Path, option: str) -> Any:
    try:
        return json.loads(file.read_bytes(), parse_constant=_no_constant)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"{option}: cannot read {file}: {reason}", "check the path") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{option}: {file} is not JSON: {error}", "correct the file") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def refuse(error: UsageError, *, as_json: bool) -> int:
    """Tell of a call that cannot be carried out; returns the exit status."""
    message = " ".join(str(error).split())
    if as_json:
        body = {"type": "BadCall", "message": message, "hint": error.hint}
        print(json.dumps({"error": body}))
    else:
        print(f"error: {message}; {error.hint}", file=sys.stderr)
    return BAD_CALL
