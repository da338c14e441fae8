"""What a function answered in its container is judged, not believed."""

import json

import pytest

from tools.sam_local.__main__ import folder_of, name_of
from tools.sam_local.answers import MismatchError, differences, judge
from tools.sam_local.stories import EXPECTED, STORIES

FAILED = {"errorMessage": "Unable to import module", "errorType": "Runtime.ImportModuleError"}


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("", "not one JSON value"),  # a timeout
        ("null", "not an object"),
        (json.dumps(FAILED), "has no 'case_id'"),
        (json.dumps(FAILED) * 2, "not one JSON value"),  # a crash at init is told twice
        ('{"case_id": "other", "items": [1]}', "answer.case_id is 'other'"),
        ('{"case_id": "case_1", "items": []}', "answer.items is []"),
        ('{"case_id": "case_1", "items": "no"}', "answer.items is 'no'"),
    ],
)
def test_what_is_not_expected_is_told(output, told):
    with pytest.raises(MismatchError) as error:
        judge(output, {"case_id": "case_1", "items": list})
    assert told in str(error.value)


def test_an_answer_is_shown_in_a_few_words():
    told = judge('{"ok": true, "value": {"a": 1}, "headers": {}}\n', {"ok": True})
    assert told == 'ok=true, value={"a": 1}'


def test_a_refusal_counts_where_it_is_expected():
    answer = json.dumps({"errorType": "UnknownCaseError", "errorMessage": "m"})
    assert judge(answer, {"errorType": "UnknownCaseError"}).endswith("UnknownCaseError")
    with pytest.raises(MismatchError):
        judge(answer, {"errorType": "ApprovalDeniedError"})


def test_the_body_of_an_http_answer_is_read():
    found = {"statusCode": 202, "body": '{"status": "accepted"}'}
    assert differences({"statusCode": 202, "body": {"status": "accepted"}}, found) == ""
    assert "answer.body.status" in differences({"body": {"status": "no"}}, found)
    assert "not JSON" in differences({"body": {"status": "no"}}, {"body": "oops"})


def test_one_and_true_differ():
    assert differences({"ok": True}, {"ok": 1}) != ""
    assert differences({"told": 0}, {"told": False}) != ""


def test_each_function_has_one_place_in_the_stories():
    played = [folder for story in STORIES for stage in story.stages for folder in stage]
    assert sorted(played) == sorted(EXPECTED)


@pytest.mark.parametrize("folder", sorted(EXPECTED))
def test_names_and_folders_follow_from_each_other(folder):
    assert folder_of(name_of(folder)) == folder
