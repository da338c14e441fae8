"""What a further stack is called, given and refused."""

from pathlib import Path

import pytest
from redress_local.emulated.further import check_content, check_name, filled, stack_name_for
from redress_local.emulated.resources.errors import UnsupportedResourceError
from redress_local.emulated.resources.translate import translate
from redress_local.template_values import TemplateError


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/fraud_watch/template.yaml", "fraud-watch"),
        ("/a/stacks/fraud.watch.yaml", "fraud-watch"),
        ("/template.yaml", "stack"),
        ("/a/Übung 7/template.yml", "bung-7"),
    ],
)
def test_it_is_called_after_its_place(path: str, name: str) -> None:
    assert stack_name_for(Path(path)) == name


@pytest.mark.parametrize("name", ["", "7up", "a b", "a_b", "x" * 129, "redress"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(TemplateError):
        check_name(name, ["redress"])


def template(folder: Path, text: str) -> Path:
    path = folder / "template.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_outputs_fill_what_is_left_open(tmp_path: Path) -> None:
    path = template(
        tmp_path,
        "Parameters:\n"
        "  BusName: {Type: String}\n"
        "  BusArn: {Type: String}\n"
        "  CasesTableName: {Type: String, Default: mine}\n"
        "  Other: {Type: String}\n"
        "Resources: {}\n",
    )
    outputs = {"BusName": "redress", "BusArn": "arn", "CasesTableName": "cases", "More": 1}
    assert filled(path, {"BusArn": "given"}, outputs) == {"BusName": "redress", "BusArn": "given"}


def test_without_parameters(tmp_path: Path) -> None:
    path = template(tmp_path, "Resources: {Q: {Type: AWS::SQS::Queue}}")
    assert filled(path, {}, {"BusName": "redress"}) == {}
    check_content(translate(path, stack_name="other"))


@pytest.mark.parametrize("kind", ["AWS::ApiGatewayV2::Api", "AWS::ApiGateway::Account"])
def test_apis_are_the_first_stacks(tmp_path: Path, kind: str) -> None:
    path = template(
        tmp_path,
        f"Resources: {{Api: {{Type: {kind}, Properties: {{Name: a, ProtocolType: HTTP}}}}}}"
        if kind.endswith("Api")
        else f"Resources: {{Api: {{Type: {kind}}}}}",
    )
    with pytest.raises(UnsupportedResourceError, match="only the first stack's APIs"):
        check_content(translate(path, stack_name="other"))
