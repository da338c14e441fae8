"""The template reader: references, conditions, rules in every form, and the project's own file."""

from pathlib import Path
from textwrap import dedent

import pytest
from redress_local.project import find_project, local_template
from redress_local.template import Template, TemplateError, read_template

SMALL = """
Parameters:
  Stage: {Type: String, Default: test}
  Level: {Type: Number, Default: 3}
Mappings:
  Names: {test: {bus: small}}
Conditions:
  IsTest: !Equals [!Ref Stage, test]
  IsLive: !Not [!Condition IsTest]
Globals:
  Function:
    Handler: handler.main
    Timeout: 7
    Environment: {Variables: {SHARED: yes, STAGE: !Ref Stage}}
Resources:
  Bus: {Type: 'AWS::Events::EventBus', Properties: {Name: !FindInMap [Names, !Ref Stage, bus]}}
  Dead: {Type: 'AWS::SQS::Queue'}
  Table: {Type: 'AWS::DynamoDB::Table', Properties: {TableName: !Sub 'things-${Stage}'}}
  Archive:
    Type: AWS::Events::Archive
    Properties: {SourceArn: !GetAtt Bus.Arn, RetentionDays: 5, EventPattern: {source: [a]}}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/work
      Environment:
        Variables:
          TABLE: !Ref Table
          LEVEL: !Ref Level
          EITHER: !If [IsTest, small, large]
          ARN: !Sub '${Table.Arn}/x/${!literal}/${AWS::Region}'
          JOINED: !Join ['-', [a, !Ref Stage]]
          PART: !Select [1, !Split [',', 'a,b']]
      Events:
        Hourly: {Type: Schedule, Properties: {Schedule: rate(1 hour)}}
        Done:
          Type: EventBridgeRule
          Properties:
            EventBusName: !Ref Bus
            Pattern: {source: [b]}
            State: DISABLED
            InputPath: $.detail
            Target: {Id: DoneTarget}
            DeadLetterConfig: {Arn: !GetAtt Dead.Arn}
            RetryPolicy: {MaximumRetryAttempts: 4}
  Only:
    Type: AWS::Serverless::Function
    Condition: IsLive
    Properties: {CodeUri: functions/only}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machines/m.asl.yaml
      DefinitionSubstitutions: {WorkArn: !GetAtt Work.Arn, BusName: !Ref Bus}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !GetAtt Bus.Arn
      EventPattern: {detail: {machine: [!Ref Machine]}}
      Targets:
        - {Id: One, Arn: !Ref Machine, Input: !Ref 'AWS::NoValue'}
"""


@pytest.fixture
def small(tmp_path: Path) -> Template:
    file = tmp_path / "template.yaml"
    file.write_text(SMALL)
    return read_template(file)


def test_functions_with_globals_and_references(small: Template, tmp_path: Path) -> None:
    (work,) = small.functions.values()
    assert work.handler == tmp_path / "functions/work/handler.py"
    assert (work.entry, work.timeout) == ("main", 7)
    assert work.arn == "arn:aws:lambda:us-east-1:000000000000:function:redress-Work"
    assert work.environment == {
        "SHARED": "true",
        "STAGE": "test",
        "TABLE": "things-test",
        "LEVEL": "3",
        "EITHER": "small",
        "ARN": "arn:aws:dynamodb:us-east-1:000000000000:table/things-test/x/${literal}/us-east-1",
        "JOINED": "a-test",
        "PART": "b",
    }


def test_machines_with_their_substitutions(small: Template, tmp_path: Path) -> None:
    (machine,) = small.machines.values()
    assert machine.definition == tmp_path / "machines/m.asl.yaml"
    (work,) = small.functions.values()
    assert machine.substitutions == {"WorkArn": work.arn, "BusName": "small"}


def test_rules_of_both_forms(small: Template) -> None:
    rule, inline = small.rules
    (machine,) = small.machines
    assert (rule.bus, rule.enabled, rule.pattern) == (
        "small",
        True,
        {"detail": {"machine": [machine]}},
    )
    assert (rule.targets[0].arn, rule.targets[0].settings) == (machine, {})
    assert rule.targets[0].max_attempts == 185
    assert (inline.bus, inline.enabled, inline.pattern) == ("small", False, {"source": ["b"]})
    (target,) = inline.targets
    assert (target.target_id, target.settings) == ("DoneTarget", {"InputPath": "$.detail"})
    assert target.max_attempts == 4
    assert target.dead_letter_arn in small.queues


def test_archives_tables_and_buses(small: Template) -> None:
    (archive,) = small.archives
    assert (archive.bus, archive.retention_days, archive.pattern) == ("small", 5, {"source": ["a"]})
    assert small.tables == ("things-test",)
    assert small.buses == ("default", "small")


def test_parameters_override_defaults(tmp_path: Path) -> None:
    file = tmp_path / "template.yaml"
    file.write_text(SMALL.replace("test: {bus: small}", "live: {bus: big}"))
    live = read_template(file, {"Stage": "live"})
    assert live.buses == ("default", "big")
    assert [function.logical_id for function in live.functions.values()] == ["Work", "Only"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "not YAML"),
        ("a: 1", "Resources"),
        ("Resources: {R: {Type: 'AWS::Events::Rule', Properties: {EventBusName: !Ref No}}}", "No"),
        (
            "Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {Handler: x}}}",
            "Handler",
        ),
        (
            "Resources: {R: {Type: 'AWS::Events::Rule', Properties: {State: !ImportValue x}}}",
            "ImportValue",
        ),
        ("Resources: {M: {Type: 'AWS::Serverless::StateMachine'}}", "DefinitionUri"),
        ("Resources: {F: {Type: X, Condition: Nope}}", "Nope"),
        ("Resources: {F: {Type: X, Condition: No}}", "not a condition"),
    ],
)
def test_what_is_not_understood_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "template.yaml"
    file.write_text(dedent(text))
    with pytest.raises(TemplateError, match=message):
        read_template(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="nowhere"):
        read_template(tmp_path / "nowhere.yaml")


def test_the_project_s_own_template() -> None:
    template = local_template(find_project())
    assert all(function.handler.is_file() for function in template.functions.values())
    assert all(machine.definition.is_file() for machine in template.machines.values())
    known = template.functions.keys() | template.machines.keys()
    for rule in template.rules:
        assert rule.bus in template.buses
        for target in rule.targets:
            assert target.arn in known
            assert target.dead_letter_arn in template.queues
