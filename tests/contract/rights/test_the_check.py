"""The check of rights itself: a missing, an unused and a wide one are each caught."""

from pathlib import Path

import least_privilege as rights
import pytest
from least_privilege import Right
from redress_local.emulated.cloud import EmulatedCloud

TABLE = "arn:aws:dynamodb:us-east-1:000000000000:table/t"
GET, PUT = Right("dynamodb:GetItem", TABLE), Right("dynamodb:PutItem", TABLE)


def test_what_is_used_and_no_more() -> None:
    assert rights.problems({GET, PUT}, {GET, PUT}) == []


def test_a_removed_permission() -> None:
    assert rights.problems({GET}, {GET, PUT}) == [f"missing: {PUT}"]


def test_an_unused_permission() -> None:
    assert rights.problems({GET, PUT}, {GET}) == [f"unused: {PUT}"]


def test_a_table_is_not_its_index() -> None:
    table, index = Right("dynamodb:Query", TABLE), Right("dynamodb:Query", f"{TABLE}/index/i")
    assert rights.problems({table}, {index}) == [f"missing: {index}", f"unused: {table}"]


@pytest.mark.parametrize(
    ("wide", "used"),
    [
        (Right("dynamodb:*", TABLE), GET),
        (Right("dynamodb:Get*", TABLE), GET),
        (Right("dynamodb:GetItem", "*"), GET),
        (Right("dynamodb:GetItem", f"{TABLE[:-1]}*"), GET),
        (Right("dynamodb:GetItem", f"{TABLE[:-1]}?"), GET),
    ],
)
def test_a_wildcard_without_a_reason(wide: Right, used: Right) -> None:
    assert f"too wide: {wide}" in rights.problems({wide}, {used})


def test_a_wildcard_with_a_reason() -> None:
    stage = "arn:aws:execute-api:us-east-1:000000000000:api/live/POST/@connections"
    granted = Right("execute-api:ManageConnections", f"{stage}/*")
    used = Right("execute-api:ManageConnections", f"{stage}/abc=")
    assert rights.problems({granted}, {used}) == []
    wider = Right("execute-api:ManageConnections", "arn:aws:execute-api:*/@connections/*")
    assert f"too wide: {wider}" in rights.problems({wider}, {used})


def test_a_template_that_lost_and_gained_a_right(tmp_path: Path) -> None:
    """From a template to the answer: a stack whose policies do not fit what its function does."""
    folder = tmp_path / "functions"
    folder.mkdir()
    (folder / "handler.py").write_text(
        "import os, boto3\n"
        "def handler(event, context):\n"
        "    table = os.environ['TABLE']\n"
        "    put = {'Put': {'TableName': table, 'Item': {'pk': {'S': 'a'}}}}\n"
        "    boto3.client('dynamodb').transact_write_items(TransactItems=[put])\n"
    )
    template = tmp_path / "template.yaml"
    template.write_text(
        """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
  Writer:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: handler.handler
      CodeUri: functions
      Environment:
        Variables:
          TABLE: !Ref Table
      Policies:
        - Version: "2012-10-17"
          Statement:
            - Effect: Allow
              Action: [dynamodb:GetItem]
              Resource: !GetAtt Table.Arn
"""
    )
    with EmulatedCloud.start(port=0, template=template) as cloud:
        (spec,) = cloud.functions.functions()
        outcome = cloud.functions.invoke(spec.name, b"{}")
        assert outcome.function_error is None, outcome.payload
        granted, used = rights.granted_to(cloud, spec.role), rights.used_by(cloud, "Writer")
        (table,) = {right.resource for right in granted}
    assert rights.problems(granted, used) == [
        f"missing: dynamodb:PutItem on {table}",
        f"unused: dynamodb:GetItem on {table}",
    ]
