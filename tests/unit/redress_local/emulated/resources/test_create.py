"""Creation: order, values, functions, nested stacks, outputs, and errors by name."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redress_local.emulated.resources import create as module
from redress_local.emulated.resources.create import create_all
from redress_local.emulated.resources.errors import ResourceError, UnsupportedResourceError
from redress_local.emulated.resources.making import Kind, Making
from redress_local.emulated.resources.stack import Created, Stack

Make = Callable[..., Stack]

SMALL = """
Transform: AWS::Serverless-2016-10-31
Parameters: {Pages: {Type: Number, Default: 7}}
Globals:
  Function:
    Runtime: python3.13
    Handler: handler.handler
    LoggingConfig: {LogFormat: JSON, ApplicationLogLevel: DEBUG, LogGroup: !Ref Logs}
Resources:
  Logs: {Type: 'AWS::Logs::LogGroup', Properties: {RetentionInDays: !Ref Pages}}
  Base: {Type: 'AWS::Serverless::LayerVersion', Properties: {ContentUri: base}}
  Extra: {Type: 'AWS::Serverless::LayerVersion', Properties: {ContentUri: extra}}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: work
      Timeout: !Ref Pages
      MemorySize: 512
      ReservedConcurrentExecutions: 2
      Tracing: Active
      Layers: [!Ref Extra, !Ref Base]
      Environment: {Variables: {PAGES: !Ref Pages, FLAG: true, LOGS: !GetAtt Logs.Arn}}
      EventInvokeConfig: {MaximumRetryAttempts: 1}
  Inline:
    Type: AWS::Lambda::Function
    Properties:
      Handler: index.handler
      Runtime: python3.13
      Role: arn:aws:iam::000000000000:role/x
      Code: {ZipFile: "def handler(event, context): return event"}
Outputs:
  Name: {Value: !Ref Work}
  Hidden: {Value: !Ref Work, Condition: Never}
Conditions: {Never: !Equals [a, b]}
"""


@pytest.fixture
def folders(tmp_path: Path) -> None:
    for name in ("base", "extra", "work"):
        (tmp_path / name).mkdir()


ROLE = {"Role": {"Arn": "arn:aws:iam::000000000000:role/made", "RoleId": "A"}}


@pytest.mark.usefixtures("folders")
def test_a_function_is_as_the_template_says(stack_of: Make, services: Any, tmp_path: Path) -> None:
    services.layers = {}
    stack = stack_of(SMALL)
    with_iam(services)
    create_all(stack, services)
    spec = services.recorder.specs["Work"]
    assert spec.name == stack.outputs["Name"]
    assert spec.name.startswith("small-Work-")
    assert spec.arn == f"arn:aws:lambda:us-east-1:000000000000:function:{spec.name}"
    assert (spec.code, spec.handler, spec.timeout) == (tmp_path / "work", "handler.handler", 7)
    assert (spec.memory_mb, spec.reserved_concurrency, spec.tracing) == (512, 2, "Active")
    assert spec.layers == (tmp_path / "extra", tmp_path / "base")
    group = stack.created["Logs"].ref
    assert (spec.log_group, spec.log_format, spec.application_log_level) == (group, "JSON", "DEBUG")
    assert spec.environment == {
        "PAGES": "7",
        "FLAG": "true",
        "LOGS": f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*",
    }
    assert spec.access_key_id.startswith("ASIA")
    inline = services.recorder.specs["Inline"]
    assert inline.log_group == f"/aws/lambda/{inline.name}"
    assert "def handler" in (inline.code / "index.py").read_text()
    assert services.named("PutRetentionPolicy") == [{"logGroupName": group, "retentionInDays": 7}]
    (config,) = services.named("PutFunctionEventInvokeConfig")
    assert config["FunctionName"] == spec.name
    assert set(stack.outputs) == {"Name"}


def with_iam(services: Any) -> None:
    """IAM answers in XML, which the offline clients do not write."""

    def call(self: Making, service: str, operation: str, /, **parameters: Any) -> Any:
        return ROLE if service == "iam" else original(self, service, operation, **parameters)

    original = Making.call
    services.patch.setattr(Making, "call", call)


@pytest.fixture(autouse=True)
def _patch(services: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    services.patch = monkeypatch


def test_independent_resources_are_created_at_once(
    stack_of: Make, services: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(2, timeout=5)

    def make(it: Making) -> Created:
        together.wait()
        return Created(ref=it.logical_id)

    monkeypatch.setattr(module, "creator", lambda _: Kind(create=make, takes=frozenset()))
    stack = stack_of("Resources: {A: {Type: 'AWS::SQS::Queue'}, B: {Type: 'AWS::SQS::Queue'}}")
    create_all(stack, services)
    assert set(stack.created) == {"A", "B"}


def test_a_failure_stops_what_comes_after(
    stack_of: Make, services: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def make(it: Making) -> Created:
        made.append(it.logical_id)
        raise KeyError("Missing")

    monkeypatch.setattr(module, "creator", lambda _: Kind(create=make, takes=frozenset()))
    stack = stack_of(
        "Resources: {A: {Type: 'AWS::SQS::Queue'}, B: {Type: 'AWS::SQS::Queue', DependsOn: A}}"
    )
    with pytest.raises(ResourceError, match=r"AWS::SQS::Queue \(A\): malformed \(KeyError"):
        create_all(stack, services)
    assert made == ["A"]


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        (
            (
                "{F: {Type: 'AWS::Lambda::Function', Properties: {Handler: h.h, "
                "Runtime: python3.13, Role: r, Code: nowhere}}}"
            ),
            r"\(F\): there is no folder",
        ),
        (
            (
                "{F: {Type: 'AWS::Lambda::Function', Properties: {Handler: h.h, "
                "Runtime: nodejs24.x, Role: r, Code: .}}}"
            ),
            r"\(F\): .*not nodejs24.x",
        ),
        (
            (
                "{F: {Type: 'AWS::Lambda::Function', Properties: {Handler: h.h, "
                "Runtime: python3.13, Role: r, Code: ., "
                "Layers: ['arn:aws:lambda:us-east-1:1:layer:theirs:3']}}}"
            ),
            r"\(F\): the layer arn:aws:lambda:us-east-1:1:layer:theirs:3 is not of this template",
        ),
        (
            (
                "{F: {Type: 'AWS::Lambda::Function', Properties: {Runtime: python3.13, Role: r, "
                "Code: .}}}"
            ),
            r"\(F\): Handler is missing",
        ),
        (
            "{F: {Type: 'AWS::Lambda::Function', Properties: {PackageType: Image, Code: .}}}",
            r"\(F\): the local cloud runs no images",
        ),
        (
            (
                "{Q: {Type: 'AWS::SQS::Queue'}, "
                "P: {Type: 'AWS::Logs::LogGroup', Properties: {LogGroupName: !GetAtt Q.Nope}}}"
            ),
            r"\(P\): Q \(AWS::SQS::Queue\) has no attribute Nope; it has: Arn, QueueName, QueueUrl",
        ),
        (
            (
                "{M: {Type: 'AWS::StepFunctions::StateMachine', Properties: {RoleArn: r, "
                "DefinitionString: '{'}}}"
            ),
            r"StateMachine \(M\): ",
        ),
        (
            (
                "{M: {Type: 'AWS::StepFunctions::StateMachine', Properties: {RoleArn: r, "
                "Definition: {StartAt: '${Nope}'}}}}"
            ),
            r"\(M\): no value for the substitution \$\{Nope\}",
        ),
        (
            "{S: {Type: 'AWS::CloudFormation::Stack', Properties: {TemplateURL: 'https://x/y'}}}",
            r"\(S\): 'https://x/y' is not a local file",
        ),
        (
            (
                "{T: {Type: 'AWS::DynamoDB::Table', Properties: {KeySchema: [{Colour: red}], "
                "AttributeDefinitions: []}}}"
            ),
            r"\(T\): CreateTable: .*Colour",
        ),
        (
            (
                "{S: {Type: 'AWS::SecretsManager::Secret', Properties: {GenerateSecretString: "
                "{Length: 5}}}}"
            ),
            r"\(S\): GenerateSecretString has no Length",
        ),
    ],
)
def test_what_goes_wrong_names_the_resource(
    stack_of: Make, services: Any, resources: str, message: str
) -> None:
    services.answers["CreateQueue"] = {"QueueUrl": "http://127.0.0.1:4566/0/q"}
    with pytest.raises(ResourceError, match=message):
        create_all(stack_of(f"Resources: {resources}"), services)


def test_nested_stacks_take_parameters_and_give_outputs(
    stack_of: Make, services: Any, tmp_path: Path
) -> None:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks/child.yaml").write_text(
        "Parameters: {Days: {Type: Number}, Names: {Type: CommaDelimitedList}}\n"
        "Resources: {Logs: {Type: 'AWS::Logs::LogGroup', Properties: "
        "{LogGroupName: !Select [1, !Ref Names], RetentionInDays: !Ref Days}}}\n"
        "Outputs: {Group: {Value: !Ref Logs}}\n"
    )
    stack = stack_of(
        """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          Child:
            Type: AWS::Serverless::Application
            Properties: {Location: stacks/child.yaml, Parameters: {Days: 3, Names: 'a,b'}}
          After:
            Type: AWS::Logs::LogGroup
            Properties: {LogGroupName: !Sub '${Child.Outputs.Group}-after'}
        Outputs: {Id: {Value: !Ref Child}, Group: {Value: !GetAtt Child.Outputs.Group}}
        """
    )
    create_all(stack, services)
    names = [params["logGroupName"] for params in services.named("CreateLogGroup")]
    assert names == ["b", "b-after"]
    assert stack.outputs["Group"] == "b"
    assert stack.outputs["Id"].startswith("arn:aws:cloudformation:")
    assert stack.nested["Child"].outputs == {"Group": "b"}


def test_a_nested_stack_stops_the_start_as_any(
    stack_of: Make, services: Any, tmp_path: Path
) -> None:
    (tmp_path / "child.yaml").write_text("Resources: {It: {Type: 'AWS::Foo::Bar'}}")
    stack = stack_of(
        "Resources: {S: {Type: 'AWS::CloudFormation::Stack', Properties: "
        "{TemplateURL: child.yaml}}}"
    )
    with pytest.raises(UnsupportedResourceError, match=r"child.yaml: AWS::Foo::Bar \(It\)"):
        create_all(stack, services)


def test_cloud_only_resources_can_be_referred_to(stack_of: Make, services: Any) -> None:
    stack = stack_of(
        """
        Resources:
          Alarm: {Type: 'AWS::CloudWatch::Alarm', Properties: {Anything: goes}}
          Logs:
            Type: AWS::Logs::LogGroup
            Properties: {LogGroupName: !Sub '${Alarm}/${Alarm.Arn}/${Alarm.Odd}'}
        """
    )
    create_all(stack, services)
    arn = "arn:aws:cloud-only:us-east-1:000000000000:Alarm"
    assert stack.created["Logs"].ref == f"Alarm/{arn}/Alarm.Odd"


def test_an_output_that_cannot_be_resolved_is_named(stack_of: Make, services: Any) -> None:
    stack = stack_of(
        "Resources: {L: {Type: 'AWS::Logs::LogGroup'}}\nOutputs: {Bad: {Value: !Ref Nope}}"
    )
    with pytest.raises(ResourceError, match="output Bad: Nope is neither"):
        create_all(stack, services)
