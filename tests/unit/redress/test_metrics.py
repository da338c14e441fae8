"""Usage becomes one line in CloudWatch's embedded metric format, or nothing."""

import json

import pytest
from redress.metrics import record_usage
from redress.models.investigation import Investigation, Proposal, Usage

FOUND = Investigation(
    case_id="case_1",
    pattern="monolith",
    evidence=(),
    missing=(),
    conclusive=True,
    proposal=Proposal(actions=()),
    program="",
    usage=Usage(model_calls=7, input_tokens=900, output_tokens=80, cost_usd_micros=4200),
    model="bedrock:some-model",
)


def test_one_line_of_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    record_usage(FOUND, "Redress")
    (line,) = capsys.readouterr().out.splitlines()
    written = json.loads(line)
    (described,) = written["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == "Redress"
    assert written["pattern"] == "monolith"
    assert written["ModelCalls"] == [7.0]
    assert written["CostUsdMicros"] == [4200.0]
    assert {metric["Name"] for metric in described["Metrics"]} >= {"InputTokens", "OutputTokens"}


def test_two_investigations_do_not_mix(capsys: pytest.CaptureFixture[str]) -> None:
    record_usage(FOUND, "Redress")
    record_usage(FOUND, "Redress")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["ModelCalls"] for line in lines] == [[7.0], [7.0]]


def test_without_a_namespace_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    record_usage(FOUND, "")
    assert capsys.readouterr().out == ""
