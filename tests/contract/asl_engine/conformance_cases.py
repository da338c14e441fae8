"""Machines of one language feature each, with what the language's documentation says they give.

They go beyond `asl_cases`, whose answers come from the oracles: here the answer is written down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from asl_cases import (
    BAD,
    END,
    FLAKY,
    INVOKE,
    catch,
    caught_machine,
    machine,
    mapping,
    parallel,
    passing,
    retry,
    states,
    task,
)
from asl_engine import TaskError
from asl_oracles import payload

TOKEN_TASK = {
    "Type": "Task",
    "Resource": INVOKE + ".waitForTaskToken",
    "Arguments": {
        "FunctionName": "f",
        "Payload": {"token": "{% $states.context.Task.Token %}"},
    },
}
FAILED, SUCCEEDED = "FAILED", "SUCCEEDED"
_BIG = "{% $pad('', 262150, 'x') %}"


@dataclass(frozen=True, kw_only=True)
class Conformance:
    """One machine and what it must give.

    Attributes:
        output: The output, or a predicate on it.
        waits: How long the execution slept, in seconds, if that is to be looked at.
        events: The types of its events, if they are to be looked at.
        children: Machines that must be there, by name.
        silent: Whether nobody answers task tokens.
        sfnx: Why sfnx.testing is not asked, or how it differs; empty if it agrees.
        moto: The same for moto.
    """

    definition: Mapping[str, Any]
    input: Any = field(default_factory=dict)
    stubs: Mapping[str, Any] = field(default_factory=dict)
    status: str = SUCCEEDED
    output: Any = None
    error: str | None = None
    waits: tuple[float, ...] | None = None
    events: str = ""
    children: Mapping[str, Any] = field(default_factory=dict)
    silent: bool = False
    sfnx: str = ""
    moto: str = ""


NO_LIMIT = "it has no limit of 256 KiB"
NO_CLOCK = "it has no clock"
REAL_TIME = "it waits for real"
ONLY_LAMBDA = "only lambda:invoke is stubbed there"
TOLERATED = (
    "ToleratedFailure* is for a distributed Map only, as in AWS's guide; the language's "
    "specification has it for every Map"
)
OWN_NAMES = "it gives the machine and the account names of its own"
OWN_CHILD = "children are stubbed there"
JSONATA_GAP = "an evaluation error is reported as States.Runtime, and not caught"


def big_task() -> dict[str, Any]:
    return machine(
        "T",
        T=task(Output=_BIG, Catch=[catch("C", "States.ALL")], Retry=[retry("States.ALL")]),
        C=END,
    )


def map_of(item: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return machine("M", M=mapping(states("I", I=item), End=True, **fields))


def child_machine(pattern: str, **fields: Any) -> dict[str, Any]:
    state = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::states:startExecution{pattern}",
        "Arguments": {
            "StateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:child",
            "Input": {"n": 3},
        },
        "End": True,
        **fields,
    }
    if "Next" not in fields:
        return machine("T", T=state)
    del state["End"]
    return machine("T", T=state, C=passing("{% $states.input %}"))


def _context_is_whole(value: Any) -> bool:
    execution, state, own = value["Execution"], value["State"], value["StateMachine"]
    return (
        execution["Id"] == "arn:aws:states:us-east-1:000000000000:execution:machine:run"
        and execution["Name"] == "run"
        and execution["Input"] == {"a": 1}
        and execution["RedriveCount"] == 0
        and execution["StartTime"].endswith("Z")
        and "RoleArn" in execution
        and (state["Name"], state["EnteredTime"].endswith("Z")) == ("P", True)
        and own["Name"] == "machine"
        and own["Id"].endswith(":stateMachine:machine")
    )


def _is_uuid_and_chance(value: Any) -> bool:
    uuid, seeded = value["uuid"], value["seeded"]
    is_uuid = len(uuid) == 36 and uuid[14] == "4"
    return is_uuid and 0 <= value["chance"] < 1 and seeded[0] == seeded[1]


CHILD = machine("P", P=passing("{% {'double': $states.input.n * 2} %}"))
FAILING_CHILD = machine("F", F={"Type": "Fail", "Error": "Inner", "Cause": "deep"})

CONFORMANCE: dict[str, Conformance] = {
    # States without work
    "pass-events": Conformance(
        definition=machine("P", P=passing(1)),
        output=1,
        events="ExecutionStarted PassStateEntered PassStateExited ExecutionSucceeded",
    ),
    "fail-bare": Conformance(
        definition=machine("F", F={"Type": "Fail"}),
        status=FAILED,
        events="ExecutionStarted FailStateEntered ExecutionFailed",
    ),
    "choice-first-wins": Conformance(
        definition=machine(
            "C",
            C={"Type": "Choice", "Choices": [
                {"Condition": "{% $states.input.n in [1, 2] and $not(false) %}", "Next": "A"},
                {"Condition": True, "Next": "B"}]},
            A=passing("a"), B=passing("b"),
        ),
        input={"n": 2},
        output="a",
        events="ExecutionStarted ChoiceStateEntered ChoiceStateExited PassStateEntered "
        "PassStateExited ExecutionSucceeded",
    ),
    "choice-literal": Conformance(
        definition=machine(
            "C",
            C={"Type": "Choice", "Choices": [{"Condition": False, "Next": "A"},
                                             {"Condition": True, "Next": "B"}]},
            A=passing("a"), B=passing("b"),
        ),
        output="b",
    ),
    "wait-seconds-literal": Conformance(
        definition=machine("W", W={"Type": "Wait", "Seconds": 2, "End": True}),
        output={},
        waits=(2,),
        events="ExecutionStarted WaitStateEntered WaitStateExited ExecutionSucceeded",
        moto=REAL_TIME,
    ),
    "wait-past": Conformance(
        definition=machine(
            "W", W={"Type": "Wait", "Timestamp": "2001-01-01T00:00:00+01:00", "End": True}),
        output={},
        waits=(),
        moto="it parses times in Z only",
    ),
    # Retry
    "retry-backoff": Conformance(
        definition=machine("T", T=task(Retry=[retry("Flaky", IntervalSeconds=2, MaxAttempts=4,
                                                    BackoffRate=3, MaxDelaySeconds=10)])),
        stubs={"T": FLAKY}, status=FAILED, error="Flaky", waits=(2, 6, 10, 10),
    ),
    "retry-defaults": Conformance(
        definition=machine("T", T=task(Retry=[retry("Flaky")])),
        stubs={"T": FLAKY}, status=FAILED, error="Flaky", waits=(1, 2, 4),
        events="ExecutionStarted TaskStateEntered "
        + "TaskScheduled TaskStarted TaskFailed " * 4 + "ExecutionFailed",
    ),
    "retry-never": Conformance(
        definition=machine("T", T=task(Retry=[retry("Flaky", MaxAttempts=0),
                                              retry("States.ALL")])),
        stubs={"T": FLAKY}, status=FAILED, error="Flaky", waits=(),
    ),
    "retry-jitter": Conformance(
        definition=machine("T", T=task(Retry=[retry("Flaky", IntervalSeconds=8, MaxAttempts=1,
                                                    JitterStrategy="FULL")])),
        stubs={"T": [FLAKY, payload(1)]}, output=1,
    ),
    "retry-parallel-again": Conformance(
        definition=machine("P", P=parallel(states("A", A=passing("a")), states("B", B=task()),
                                           Retry=[retry("States.TaskFailed")], End=True)),
        stubs={"B": [FLAKY, payload("b")]}, output=["a", "b"], waits=(1,),
    ),
    # Catch
    "catch-first-wins": Conformance(
        definition=caught_machine(task(), catch("Caught", "Other", "Bad"),
                                  catch("Done", "States.ALL")),
        stubs={"T": BAD}, output=["caught", {"Error": "Bad", "Cause": "no good"}],
    ),
    "catch-then-fails": Conformance(
        definition=machine("T", T=task(Catch=[catch("C", "Bad", Output="{% $nothing %}")]),
                           C=END),
        stubs={"T": BAD}, status=FAILED, error="States.QueryEvaluationError",
        moto=JSONATA_GAP,
    ),
    "catch-no-choice": Conformance(
        definition=machine(
            "P",
            P=parallel(states("C", C={"Type": "Choice", "Choices": [
                {"Condition": "{% false %}", "Next": "X"}]}, X=END), Next="D",
                Catch=[catch("D", "States.NoChoiceMatched",
                             Output="{% $states.errorOutput.Error %}")]),
            D=END,
        ),
        output="States.NoChoiceMatched",
        moto="States.NoChoiceMatched is reported as States.Runtime",
    ),
    "catch-all-but-data-limit": Conformance(
        definition=big_task(), stubs={"T": payload(1)}, status=FAILED,
        error="States.DataLimitExceeded",
        sfnx=NO_LIMIT,
    ),
    "catch-data-limit-by-name": Conformance(
        definition=machine("T", T=task(Output=_BIG, Catch=[
            catch("C", "States.DataLimitExceeded", Output="{% $states.errorOutput.Error %}")]),
            C=END),
        stubs={"T": payload(1)}, output="States.DataLimitExceeded",
        sfnx=NO_LIMIT, moto="nothing takes States.DataLimitExceeded, not even by its name",
    ),
    # Limits
    "limit-output": Conformance(
        definition=machine("P", P=passing(_BIG)), status=FAILED,
        error="States.DataLimitExceeded", sfnx=NO_LIMIT,
    ),
    "limit-result": Conformance(
        definition=machine("T", T=task()), stubs={"T": payload("x" * 262_144)},
        status=FAILED, error="States.DataLimitExceeded", sfnx=NO_LIMIT,
    ),
    "limit-just-fits": Conformance(
        definition=machine("P", P=passing("{% $length($pad('', 262142, 'x')) %}")),
        output=262_142,
    ),
    "limit-names": Conformance(
        definition=machine("é" * 80, **{"é" * 80: passing(1, Assign={"v" * 80: 1})}), output=1,
    ),
    # Time-outs
    "timeout-task": Conformance(
        definition=caught_machine({**TOKEN_TASK, "TimeoutSeconds": 7},
                                  catch("Caught", "States.Timeout",
                                        Output="{% $states.errorOutput.Error %}")),
        stubs={"T": None}, silent=True, output=["caught", "States.Timeout"], waits=(7,),
        events="ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSubmitted "
        "TaskTimedOut TaskStateExited SucceedStateEntered SucceedStateExited ExecutionSucceeded",
        sfnx=NO_CLOCK, moto=REAL_TIME,
    ),
    "timeout-heartbeat": Conformance(
        definition=caught_machine({**TOKEN_TASK, "HeartbeatSeconds": 3, "TimeoutSeconds": 60},
                                  catch("Caught", "States.HeartbeatTimeout",
                                        Output="{% $states.errorOutput.Error %}")),
        stubs={"T": None}, silent=True, output=["caught", "States.HeartbeatTimeout"], waits=(3,),
        sfnx=NO_CLOCK, moto="a missed heartbeat is States.Timeout",
    ),
    "timeout-takes-heartbeat": Conformance(
        definition=caught_machine({**TOKEN_TASK, "HeartbeatSeconds": 3},
                                  catch("Done", "States.TaskFailed"),
                                  catch("Caught", "States.Timeout",
                                        Output="{% $states.errorOutput.Error %}")),
        stubs={"T": None}, silent=True, output=["caught", "States.HeartbeatTimeout"],
        sfnx=NO_CLOCK, moto="a missed heartbeat is States.Timeout",
    ),
    "timeout-machine": Conformance(
        definition={**machine("W", W={"Type": "Wait", "Seconds": 60, "End": True}),
                    "TimeoutSeconds": 5},
        status="TIMED_OUT", error="States.Timeout", waits=(5,),
        sfnx=NO_CLOCK, moto=REAL_TIME,
    ),
    "timeout-computed": Conformance(
        definition=machine("T", T={**TOKEN_TASK, "End": True,
                                   "TimeoutSeconds": "{% $states.input.s %}"}),
        input={"s": 4}, stubs={"T": None}, silent=True, status=FAILED, error="States.Timeout",
        waits=(4,),
        sfnx=NO_CLOCK, moto=REAL_TIME,
    ),
    # Map
    "map-events": Conformance(
        definition=map_of(passing("{% $states.input + 1 %}"), MaxConcurrency=1),
        input=[1, 2], output=[2, 3],
        events="ExecutionStarted MapStateEntered MapStateStarted "
        + "MapIterationStarted PassStateEntered PassStateExited MapIterationSucceeded " * 2
        + "MapStateSucceeded MapStateExited ExecutionSucceeded",
    ),
    "map-items-template": Conformance(
        definition=map_of(passing("{% $states.input %}"), Items=["a", "{% $states.input.b %}"]),
        input={"b": [1]}, output=["a", [1]],
    ),
    "map-computed-concurrency": Conformance(
        definition=map_of(passing("{% $states.input %}"),
                          MaxConcurrency="{% $states.input.n %}", Items="{% [1..4] %}"),
        input={"n": 2}, output=[1, 2, 3, 4],
    ),
    "map-tolerates": Conformance(
        definition=map_of(task(), ToleratedFailureCount=1, MaxConcurrency=1,
                          Output="{% $count($states.result) %}"),
        input=[1, 2, 3], stubs={"I": [payload(1), BAD, payload(3)]}, output=3,
        sfnx=TOLERATED,
        moto="it ignores the threshold",
    ),
    "map-exceeds-threshold": Conformance(
        definition=map_of(task(), ToleratedFailurePercentage=30, MaxConcurrency=1),
        input=[1, 2, 3], stubs={"I": BAD}, status=FAILED,
        error="States.ExceedToleratedFailureThreshold",
        sfnx=TOLERATED,
        moto="it ignores the threshold",
    ),
    "map-reads-outer-variables": Conformance(
        definition=machine(
            "A", A=passing("{% [1, 2] %}", Assign={"k": 10}, Next="M"),
            M=mapping(states("I", I=passing("{% $states.input * $k %}")), End=True)),
        output=[10, 20],
    ),
    # Parallel
    "parallel-events": Conformance(
        definition=machine("P", P=parallel(states("A", A=passing(1)), End=True)), output=[1],
        events="ExecutionStarted ParallelStateEntered ParallelStateStarted PassStateEntered "
        "PassStateExited ParallelStateSucceeded ParallelStateExited ExecutionSucceeded",
    ),
    "parallel-fails-fast": Conformance(
        definition=machine("P", P=parallel(
            states("W", W={"Type": "Wait", "Seconds": 3600, "End": True}),
            states("F", F={"Type": "Fail", "Error": "E", "Cause": "c"}), End=True)),
        status=FAILED, error="E", waits=(), moto=REAL_TIME,
    ),
    "parallel-waits-at-once": Conformance(
        definition=machine("P", P=parallel(
            *(states(f"W{n}", **{f"W{n}": {"Type": "Wait", "Seconds": n, "Output": n,
                                           "End": True}}) for n in (3, 1)), End=True)),
        output=[3, 1], waits=(1, 2), moto=REAL_TIME,
    ),
    "parallel-scopes": Conformance(
        definition=machine(
            "A", A=passing(0, Assign={"v": "outer"}, Next="P"),
            P=parallel(states("B", B=passing("{% $v %}", Assign={"w": 1}, Next="B2"),
                              B2=passing("{% [$states.input, $w] %}")),
                       states("C", C=passing("{% $exists($w) %}")), End=True)),
        output=[["outer", 1], False],
    ),
    # Tokens and children
    "token-failure": Conformance(
        definition=caught_machine(TOKEN_TASK, catch("Caught", "Denied",
                                                    Output="{% $states.errorOutput %}")),
        stubs={"T": TaskError("Denied", "not today")},
        output=["caught", {"Error": "Denied", "Cause": "not today"}], moto=ONLY_LAMBDA,
    ),
    "token-events": Conformance(
        definition=machine("T", T={**TOKEN_TASK, "End": True}), stubs={"T": {"ok": 1}},
        output={"ok": 1},
        events="ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSubmitted "
        "TaskSucceeded TaskStateExited ExecutionSucceeded",
        moto=ONLY_LAMBDA,
    ),
    "child-sync2": Conformance(
        definition=child_machine(".sync:2", Output="{% $states.result.Output %}"),
        children={"child": CHILD}, output={"double": 6}, sfnx=OWN_CHILD, moto=ONLY_LAMBDA,
    ),
    "child-sync": Conformance(
        definition=child_machine(".sync", Output="{% $parse($states.result.Output).double %}"),
        children={"child": CHILD}, output=6, sfnx=OWN_CHILD, moto=ONLY_LAMBDA,
    ),
    "child-not-waited-for": Conformance(
        definition=child_machine("", Output="{% $exists($states.result.ExecutionArn) %}"),
        children={"child": CHILD}, output=True, sfnx=OWN_CHILD, moto=ONLY_LAMBDA,
    ),
    "child-fails": Conformance(
        definition=child_machine(".sync:2", Catch=[catch(
            "C", "States.TaskFailed",
            Output="{% $parse($states.errorOutput.Cause).Error %}")], Next="C"),
        children={"child": FAILING_CHILD}, output="Inner", sfnx=OWN_CHILD, moto=ONLY_LAMBDA,
    ),
    # Expressions
    "context-object": Conformance(
        definition=machine("P", P=passing("{% $states.context %}")), input={"a": 1},
        output=_context_is_whole, sfnx=OWN_NAMES,
        moto=OWN_NAMES,
    ),
    "functions-partition-range": Conformance(
        definition=machine("P", P=passing("{% [$partition([1..5], 2), $range(5, 1, -2)] %}")),
        output=[[1, 2], [3, 4], [5], 5, 3, 1],
    ),
    "functions-range-of-one": Conformance(
        definition=machine("P", P=passing("{% $range(1, 9, 9) %}")), output=1,
    ),
    "functions-hash": Conformance(
        definition=machine("P", P=passing("{% $map(['MD5', 'SHA-1', 'SHA-384', 'SHA-512'], "
                                          "function($a) { $length($hash('x', $a)) }) %}")),
        output=[32, 40, 96, 128], moto="$hash gives placeholder text",
    ),
    "functions-chance": Conformance(
        definition=machine("P", P=passing("{% {'uuid': $uuid(), 'chance': $random(), "
                                          "'seeded': [$random(7), $random(7)]} %}")),
        output=_is_uuid_and_chance, moto="$random takes no seed, $uuid gives placeholder text",
    ),
    "functions-parse-error": Conformance(
        definition=machine("P", P=passing("{% $parse('{') %}")), status=FAILED,
        error="States.QueryEvaluationError", moto=JSONATA_GAP,
    ),
    "expression-throws": Conformance(
        definition=machine("P", P=passing("{% $error('stop') %}")), status=FAILED,
        error="States.QueryEvaluationError",
        events="ExecutionStarted PassStateEntered EvaluationFailed ExecutionFailed",
        moto=JSONATA_GAP,
    ),
    "variables-from-catch": Conformance(
        definition=machine("T", T=task(Catch=[catch(
            "C", "States.ALL", Assign={"e": "{% $states.errorOutput.Error %}"}, Output=0)]),
            C=passing("{% [$e, $states.input] %}")),
        stubs={"T": BAD}, output=["Bad", 0],
    ),
}  # fmt: skip

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "distributed Map": (
        map_of(passing(1), ItemReader={"Resource": "arn:aws:states:::s3:getObject"}),
        "INLINE",
    ),
    "activity": (
        machine("T", T={"Type": "Task", "End": True, "Resource":
                        "arn:aws:states:us-east-1:000000000000:activity:a"}),
        "no integration",
    ),
    "JSONPath": ({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}, "JSONPath"),
    "HTTP Task": (
        machine("T", T={"Type": "Task", "End": True, "Arguments": {},
                        "Resource": "arn:aws:states:::http:invoke"}),
        "no integration",
    ),
    "$eval": (machine("P", P=passing("{% $eval('1') %}")), "$eval"),
    "name of 81 characters": (machine("a" * 81, **{"a" * 81: passing(1)}), "80"),
    "Next to nowhere": (machine("P", P=passing(1, Next="Nowhere")), "Nowhere"),
    "States.ALL with others": (machine("T", T=task(Retry=[retry("States.ALL", "Bad")])), "alone"),
}  # fmt: skip
"""Definitions that CreateStateMachine refuses, and a word of the reason."""
