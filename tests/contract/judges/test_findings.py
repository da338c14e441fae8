"""What the static judges say is read right, and what is allowed is no more than that."""

import json
from pathlib import Path

import pytest
import yaml

from tools.judges import findings, run
from tools.judges.findings import Allowed, Finding

FOUND = Finding("checkov", "CKV_1", "OrdersTable", 7, "no key")


def allow(where: str, rule: str = "CKV_1") -> Allowed:
    return Allowed(judge="checkov", rule=rule, where=[where], reason="it has its reason")


@pytest.mark.parametrize("where", ["OrdersTable", "*Table"])
def test_allowed(where: str) -> None:
    assert findings.judged([FOUND], [allow(where)]) == []


def test_not_allowed() -> None:
    assert findings.judged([FOUND], []) == ["OrdersTable:7: checkov CKV_1: no key"]
    problems = findings.judged([FOUND], [allow("CasesTable")])
    assert problems == [
        "OrdersTable:7: checkov CKV_1: no key",
        "nothing to allow any more: checkov CKV_1 at CasesTable",
    ]


def test_allowed_for_nothing() -> None:
    (problem,) = findings.judged([FOUND], [allow("OrdersTable"), allow("*", rule="CKV_2")])
    assert problem == "nothing to allow any more: checkov CKV_2 at *"


@pytest.mark.parametrize(
    "text",
    [
        "- {judge: bandit, rule: B1, where: [a.py]}",
        "- {judge: bandit, rule: B1, where: [a.py], reason: because}",
        "- {judge: bandit, rule: B1, where: [], reason: it has its reason}",
        "- {judge: bandit, rule: B1, where: [a.py], reason: it has its reason, more: 1}",
    ],
)
def test_an_allowance_has_a_place_and_a_reason(tmp_path: Path, text: str) -> None:
    path = tmp_path / "allowed.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"reason|place|more|where"):
        findings.read_allowed(path)


def test_every_entry_of_the_real_list_needs_its_reason(tmp_path: Path) -> None:
    real = yaml.safe_load((Path(run.__file__).parent / "allowed.yaml").read_text(encoding="utf-8"))
    assert len(real) > 10
    path = tmp_path / "allowed.yaml"
    for index, entry in enumerate(real):
        changed = {**entry, "reason": "because"}
        path.write_text(json.dumps([*real[:index], changed, *real[index + 1 :]]))
        with pytest.raises(ValueError, match=f"{entry['judge']} {entry['rule']} needs a reason"):
            findings.read_allowed(path)


def test_the_list_is_of_judges_there_are() -> None:
    path = Path(run.__file__).parent / "allowed.yaml"
    assert {entry.judge for entry in findings.read_allowed(path)} <= set(run.NAMES)


def test_cfn_lint() -> None:
    start = {"LineNumber": 3}
    printed = [
        {
            "Rule": {"Id": "WS1"},
            "Message": "m",
            "Filename": "template.yaml",
            "Location": {"Path": path, "Start": start},
        }
        for path in (["Resources", "Bus", "Type"], ["Outputs"], None)
    ]
    found = list(findings.from_cfn_lint(json.dumps(printed)))
    assert [item.where for item in found] == ["Bus", "template.yaml", "template.yaml"]
    assert list(findings.from_cfn_lint("")) == []


def test_checkov() -> None:
    check = {"check_id": "C", "check_name": "n", "file_line_range": [4, 9]}
    report = {
        "summary": {"parsing_errors": 0, "resource_count": 1},
        "results": {"failed_checks": [{**check, "resource": "AWS::SQS::Queue.Q"}]},
    }
    assert list(findings.from_checkov(json.dumps(report))) == [Finding("checkov", "C", "Q", 4, "n")]


@pytest.mark.parametrize("summary", [{"parsing_errors": 1, "resource_count": 9}, None])
def test_checkov_that_read_nothing(summary: dict[str, int] | None) -> None:
    summary = summary or {"parsing_errors": 0, "resource_count": 0}
    with pytest.raises(ValueError, match="could not read"):
        list(findings.from_checkov(json.dumps({"summary": summary, "results": {}})))


def test_bandit_and_semgrep_that_could_not_read() -> None:
    unread = json.dumps({"errors": [{"message": "no such rule"}], "results": []})
    with pytest.raises(ValueError, match="bandit"):
        list(findings.from_bandit(unread))
    with pytest.raises(ValueError, match="no such rule"):
        list(findings.from_semgrep(unread))


def test_each_rule_has_bad_and_good_samples() -> None:
    folder = run.ROOT / ".semgrep"
    text = (folder / "redress.yaml").read_text(encoding="utf-8")
    rules = {line.split()[-1] for line in text.splitlines() if line.startswith("  - id: ")}
    marked = findings.marked(run.ROOT, folder / "samples")
    assert {rule for rule, _, _ in marked} == rules
    assert len(rules) >= 5


def test_a_judge_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(run, "BIN", tmp_path)
    assert run.main(["bandit"]) == 2
    assert run.main(["nobody"]) == 2


@pytest.mark.timeout(300)
@pytest.mark.skipif(not (run.BIN / "semgrep").exists(), reason="`make judge` installs and runs it")
def test_rules_find_their_samples() -> None:
    assert run.check_samples() == []
