"""From a template to a stack: the order, conditions, local paths, and what stops the start."""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redress_local.emulated.resources.errors import ResourceError, UnsupportedResourceError
from redress_local.emulated.resources.sam import LocalPath
from redress_local.emulated.resources.stack import Stack
from redress_local.emulated.resources.translate import built_template, translate
from redress_local.project import find_project
from redress_local.template_values import TemplateError

Make = Callable[..., Stack]

SAM = """
Transform: AWS::Serverless-2016-10-31
Parameters: {Stage: {Type: String, Default: test, AllowedValues: [test, live]}}
Conditions: {IsLive: !Equals [!Ref Stage, live]}
Globals: {Function: {Runtime: python3.13, Handler: handler.handler}}
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/some work?
      Layers: [!Ref Layer]
      Environment: {Variables: {QUEUE: !Ref Queue, MACHINE: !If [IsLive, !Ref Machine, none]}}
  Layer: {Type: 'AWS::Serverless::LayerVersion', Properties: {ContentUri: ../layers/x}}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machines/m.asl.yaml
      DefinitionSubstitutions: {Work: !GetAtt Work.Arn}
      Role: arn:aws:iam::000000000000:role/x
  Queue: {Type: 'AWS::SQS::Queue'}
  Only: {Type: 'AWS::SQS::Queue', Condition: IsLive}
"""


def test_sam_resources_keep_their_local_paths(stack_of: Make) -> None:
    stack = stack_of(SAM)
    assert stack.resources["Work"].type == "AWS::Lambda::Function"
    code = stack.resources["Work"].properties["Code"]
    assert isinstance(code, LocalPath)
    assert code == "functions/some work?"
    assert stack.resources["Machine"].properties["DefinitionS3Location"] == "machines/m.asl.yaml"
    (layer,) = (one for one in stack.resources.values() if one.type.endswith("LayerVersion"))
    assert layer.properties["Content"] == "../layers/x"


def test_what_is_needed_comes_first(stack_of: Make) -> None:
    order = [resource.logical_id for resource in stack_of(SAM).order()]
    assert order.index("Queue") < order.index("Work") < order.index("Machine")
    assert order.index("WorkRole") < order.index("Work")
    assert "Only" not in order


def test_a_circle_is_named(stack_of: Make) -> None:
    with pytest.raises(ResourceError, match=r"Machine -> Work -> Machine|Work -> Machine -> Work"):
        stack_of(SAM, Stage="live")


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_any_order_is_right_or_a_circle_is_named(pairs: list[tuple[int, int]]) -> None:
    needs: dict[str, list[str]] = {f"R{number}": [] for number in range(10)}
    for later, earlier in pairs:
        needs[f"R{later}"].append(f"R{earlier}")
    resources = {
        name: {"Type": "AWS::SQS::Queue", "DependsOn": after} for name, after in needs.items()
    }
    stack = Stack("small", Path("t.yaml"), {"Resources": resources}, {}, {})
    try:
        order = [resource.logical_id for resource in stack.order()]
    except ResourceError as error:
        circle = str(error).rpartition(": ")[2].split(" -> ")
        assert circle[0] == circle[-1]
        assert all(after in needs[before] for before, after in pairwise(circle))
        return
    assert sorted(order) == sorted(needs)
    assert all(order.index(one) < order.index(name) for name in needs for one in needs[name])


def test_depends_on_a_resource_that_is_not_there_is_not_waited_for(stack_of: Make) -> None:
    stack = stack_of(
        """
        Conditions: {Never: !Equals [a, b]}
        Resources:
          A: {Type: 'AWS::SQS::Queue', DependsOn: [B, C]}
          B: {Type: 'AWS::SQS::Queue', Condition: Never}
          C: {Type: 'AWS::SQS::Queue'}
        """
    )
    assert stack.resources["A"].after == {"C"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "{Type: 'AWS::Foo::Bar'}",
            r"AWS::Foo::Bar \(It\): the local cloud cannot create it; .*Condition",
        ),
        (
            "{Type: 'AWS::SQS::Queue', Properties: {Colour: red}}",
            r"AWS::SQS::Queue \(It\): .* property Colour",
        ),
        (
            "{Type: 'AWS::Lambda::Url', Properties: {AuthType: NONE}}",
            r"AWS::Lambda::Url \(It\)",
        ),
    ],
)
def test_what_cannot_be_created_stops_the_start(stack_of: Make, body: str, message: str) -> None:
    with pytest.raises(UnsupportedResourceError, match=message):
        stack_of(f"Resources: {{It: {body}}}")


def test_an_unknown_type_that_is_switched_off_stops_nothing(stack_of: Make) -> None:
    stack = stack_of(
        """
        Conditions: {Never: !Equals [a, b]}
        Resources: {It: {Type: 'AWS::Foo::Bar', Condition: Never}}
        """
    )
    assert stack.resources == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "not YAML"),
        ("a: 1", "has Resources"),
        ("Resources: {A: 5}", "A: a resource has a Type"),
        ("Resources: {A: {Type: 'AWS::SQS::Queue', Properties: []}}", None),
        ("Resources: {A: {Type: 'AWS::SQS::Queue', Properties: [1]}}", "Properties is a map"),
        (
            "Resources: {A: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !Ref No}}}",
            r"AWS::SQS::Queue \(A\): No is neither a parameter nor a resource",
        ),
        ("Resources: {}\nParameters: 5", "malformed"),
        ("Transform: AWS::Serverless-2016-10-31\nResources: {A: 5}", "must be Objects"),
        ("Resources: {}\nParameters: [a]", "malformed"),
        ("Resources: {A: {Type: 'AWS::SQS::Queue', Condition: C}}\nConditions: 7", "malformed"),
        ("Resources: {A: {Type: 'AWS::SQS::Queue', DependsOn: 7}}", "malformed"),
        ("Transform: {Name: x}\nResources: {}", "no transform"),
        ("Transform: AWS::LanguageExtensions\nResources: {}", "no transform AWS::LanguageExt"),
        (
            """
            Transform: AWS::Serverless-2016-10-31
            Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {Handler: h.h}}}
            """,
            "id .F. is invalid",
        ),
    ],
)
def test_templates_that_are_wrong_say_so(stack_of: Make, text: str, message: str | None) -> None:
    if message is None:
        stack_of(text)
        return
    with pytest.raises(TemplateError, match=message):
        stack_of(text)


def test_the_translator_writes_nothing_of_its_own(
    stack_of: Make, caplog: pytest.LogCaptureFixture
) -> None:
    import gc

    stack_of(SAM)
    stack_of(SAM)
    gc.collect()
    assert caplog.text == ""


def test_our_template_translates() -> None:
    stack = translate(find_project() / "template.yaml")
    kinds = {resource.type for resource in stack.resources.values()}
    assert "AWS::Lambda::Function" in kinds
    assert not any(kind.startswith("AWS::Serverless::") for kind in kinds)
    assert stack.parameters["ModelProvider"] == "bedrock"


def test_our_template_names_every_wrong_parameter() -> None:
    with pytest.raises(TemplateError, match="ModelProvider: 'x' is not allowed"):
        translate(find_project() / "template.yaml", {"ModelProvider": "x"})


def test_a_built_template_must_be_built(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="make build"):
        built_template(tmp_path)
    path = tmp_path / ".aws-sam/build/template.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    assert built_template(tmp_path) == path


def test_errors_name_the_template(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text("Resources: {It: {Type: 'AWS::Foo::Bar'}}")
    with pytest.raises(UnsupportedResourceError, match=f"^{re.escape(str(file))}: "):
        translate(file)
