"""The Lambda API through boto3."""

import base64
import io
import json
import zipfile

import pytest
from botocore.exceptions import ClientError
from lambda_world import ARN, QUEUE, HandlerError, spec


def error(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response


def code(call, **arguments):
    answer = error(call, **arguments)
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture
def echo(service, pool):
    pool.handlers["echo"] = lambda event: {"got": event}
    service.create_function(
        spec(
            "echo",
            log_format="JSON",
            log_group="/aws/lambda/redress",
            environment={"A": "b"},
            description="Says it again.",
            role="arn:aws:iam::000000000000:role/r",
        )
    )
    return "echo"


class TestInvoke:
    def test_synchronously(self, aws, echo):
        answer = aws.invoke(FunctionName=ARN + "echo", Payload=b'{"a": "\xc3\xb6"}', LogType="Tail")
        assert answer["StatusCode"] == 200
        assert answer["ExecutedVersion"] == "$LATEST"
        assert "FunctionError" not in answer
        request_id = answer["ResponseMetadata"]["RequestId"]
        assert base64.b64decode(answer["LogResult"]).decode() == f"START RequestId: {request_id}\n"
        assert json.loads(answer["Payload"].read()) == {"got": {"a": "ö"}}

    def test_without_payload_and_tail(self, aws, echo):
        answer = aws.invoke(FunctionName="echo", Qualifier="$LATEST")
        assert "LogResult" not in answer
        assert json.loads(answer["Payload"].read()) == {"got": {}}

    def test_a_function_error_is_an_answer(self, aws, service, pool, echo):
        def fail(event):
            raise HandlerError("no")

        pool.handlers["echo"] = fail
        answer = aws.invoke(FunctionName="echo")
        assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
        assert json.loads(answer["Payload"].read())["errorType"] == "HandlerError"

    def test_asynchronously(self, aws, service, pool, echo):
        answer = aws.invoke(FunctionName="echo", InvocationType="Event", Payload=b"[1]")
        assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
        assert service.wait_for_events(5)
        [(_, event, request_id, _)] = pool.calls
        assert (event, request_id) == ([1], answer["ResponseMetadata"]["RequestId"])

    def test_the_old_way(self, aws, service, pool, echo):
        assert aws.invoke_async(FunctionName="echo", InvokeArgs=b"[2]")["Status"] == 202
        assert service.wait_for_events(5)
        assert pool.calls[0][1] == [2]

    def test_dry(self, aws, pool, echo):
        assert aws.invoke(FunctionName="echo", InvocationType="DryRun")["StatusCode"] == 204
        assert not pool.calls

    def test_client_context(self, aws, pool, echo):
        context = base64.b64encode(b'{"custom":{"a":1}}').decode()
        aws.invoke(FunctionName="echo", ClientContext=context)
        assert pool.calls[0][3] == '{"custom":{"a":1}}'
        for bad in ("%%%", base64.b64encode(b"{").decode()):
            assert code(aws.invoke, FunctionName="echo", ClientContext=bad) == (
                "InvalidRequestContentException",
                400,
            )

    def test_refusals(self, aws, service, echo):
        assert code(aws.invoke, FunctionName="nobody") == ("ResourceNotFoundException", 404)
        assert code(aws.invoke, FunctionName="echo", Qualifier="7") == (
            "ResourceNotFoundException",
            404,
        )
        assert code(aws.invoke, FunctionName="echo", Payload=b"{") == (
            "InvalidRequestContentException",
            400,
        )
        assert code(aws.invoke, FunctionName="echo", InvocationType="Later") == (
            "InvalidParameterValueException",
            400,
        )
        large = b'"' + b"x" * (1 << 20) + b'"'
        assert code(aws.invoke, FunctionName="echo", InvocationType="Event", Payload=large) == (
            "RequestTooLargeException",
            413,
        )

    def test_throttling(self, aws, echo):
        aws.put_function_concurrency(FunctionName="echo", ReservedConcurrentExecutions=0)
        answer = error(aws.invoke, FunctionName="echo")
        assert answer["Error"]["Code"] == "TooManyRequestsException"
        assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
        with pytest.raises(aws.exceptions.TooManyRequestsException):
            aws.invoke(FunctionName="echo")

    def test_a_defect_is_a_service_exception(self, aws, pool, echo):
        del pool.handlers["echo"]
        assert code(aws.invoke, FunctionName="echo") == ("ServiceException", 500)


class TestFunctions:
    def test_get(self, aws, echo):
        view = aws.get_function(FunctionName="echo")
        configuration = view["Configuration"]
        assert configuration["FunctionArn"] == ARN + "echo"
        assert configuration["Environment"] == {"Variables": {"A": "b"}}
        assert configuration["LoggingConfig"]["LogGroup"] == "/aws/lambda/redress"
        assert configuration["State"] == "Active"
        assert "Concurrency" not in view
        direct = aws.get_function_configuration(FunctionName=ARN + "echo:$LATEST")
        direct.pop("ResponseMetadata")
        assert direct == configuration
        aws.get_waiter("function_active_v2").wait(FunctionName="echo")

    def test_list_in_pages(self, aws, service):
        for number in range(120):
            service.create_function(spec(f"f{number:03}"))
        pages = list(aws.get_paginator("list_functions").paginate())
        assert [len(page["Functions"]) for page in pages] == [50, 50, 20]
        names = [each["FunctionName"] for page in pages for each in page["Functions"]]
        assert names == [f"f{number:03}" for number in range(120)]
        first = aws.list_functions(MaxItems=3)
        assert len(first["Functions"]) == 3
        for marker in ("nonsense", "LTE="):
            assert code(aws.list_functions, Marker=marker)[0] == "InvalidParameterValueException"

    def test_hot_reload(self, aws, service, pool, tmp_path):
        pool.handlers["made"] = lambda event: "runs"
        made = aws.create_function(
            FunctionName="made",
            Runtime="python3.13",
            Role="arn:aws:iam::000000000000:role/r",
            Handler="handler.handler",
            Code={"S3Bucket": "hot-reload", "S3Key": str(tmp_path)},
            Timeout=7,
            MemorySize=256,
            Environment={"Variables": {"GREETING": "ü"}},
            Tags={"team": "claims"},
            LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"},
            DeadLetterConfig={"TargetArn": QUEUE + "dlq"},
        )
        assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
        assert service.function("made").code == tmp_path
        assert service.function("made").environment == {"GREETING": "ü"}
        assert made["LoggingConfig"]["ApplicationLogLevel"] == "DEBUG"
        assert aws.list_tags(Resource=made["FunctionArn"])["Tags"] == {"team": "claims"}
        aws.tag_resource(Resource=made["FunctionArn"], Tags={"a": "1"})
        aws.untag_resource(Resource=made["FunctionArn"], TagKeys=["team", "b"])
        assert aws.get_function(FunctionName="made")["Tags"] == {"a": "1"}
        assert aws.invoke(FunctionName="made")["Payload"].read() == b'"runs"'
        aws.delete_function(FunctionName="made")
        assert code(aws.get_function, FunctionName="made") == ("ResourceNotFoundException", 404)

    def test_archives(self, aws, service, pool):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("pkg/handler.py", "def handler(event, context): ...")
        made = aws.create_function(
            FunctionName="zipped",
            Runtime="python3.13",
            Role="arn:aws:iam::000000000000:role/r",
            Handler="pkg.handler.handler",
            Code={"ZipFile": data.getvalue()},
        )
        folder = service.function("zipped").code
        assert (folder / "pkg/handler.py").is_file()
        assert (made["CodeSize"], bool(made["CodeSha256"])) == (len(data.getvalue()), True)
        aws.update_function_code(FunctionName="zipped", ZipFile=data.getvalue())
        assert service.function("zipped").code != folder
        assert pool.discarded["zipped"] == 1

    @pytest.mark.parametrize(
        "broken",
        [
            {"S3Bucket": "hot-reload", "S3Key": "relative"},
            {"S3Bucket": "hot-reload", "S3Key": "/no/such/folder"},
            {"S3Bucket": "other", "S3Key": "key"},
            {"ZipFile": b"no archive"},
            {},
        ],
    )
    def test_code_that_cannot_be_used(self, aws, service, broken):
        assert code(
            aws.create_function,
            FunctionName="x",
            Runtime="python3.13",
            Role="arn:aws:iam::000000000000:role/r",
            Handler="h.h",
            Code=broken,
        ) == ("InvalidParameterValueException", 400)
        assert service.functions() == []

    def test_archives_that_reach_outside(self, aws, tmp_path):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("../../outside.py", "")
        assert (
            code(
                aws.create_function,
                FunctionName="x",
                Runtime="python3.13",
                Role="arn:aws:iam::000000000000:role/r",
                Handler="h.h",
                Code={"ZipFile": data.getvalue()},
            )[0]
            == "InvalidParameterValueException"
        )
        assert not list(tmp_path.rglob("outside.py"))

    @pytest.mark.parametrize(
        "given",
        [
            {"Timeout": 0},
            {"Timeout": 901},
            {"MemorySize": 64},
            {"MemorySize": 10241},
            {"Environment": {"Variables": {"AWS_REGION": "here"}}},
            {"Environment": {"Variables": {"LARGE": "x" * 4092}}},
            {"Runtime": "cobol"},
            {"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:none:1"]},
            {"Description": "x" * 257},
        ],
    )
    def test_settings_out_of_range(self, aws, service, echo, given):
        before = service.function("echo")
        answer = code(aws.update_function_configuration, FunctionName="echo", **given)
        assert answer == ("InvalidParameterValueException", 400)
        assert service.function("echo") == before

    def test_update(self, aws, service, pool, echo):
        before = aws.get_function_configuration(FunctionName="echo")
        after = aws.update_function_configuration(
            FunctionName="echo",
            Timeout=9,
            MemorySize=1024,
            Environment={"Variables": {"NEW": "1"}},
            Description="",
            RevisionId=before["RevisionId"],
        )
        assert (after["Timeout"], after["MemorySize"], after["Description"]) == (9, 1024, "")
        assert service.function("echo").environment == {"NEW": "1"}
        assert pool.discarded["echo"] == 1
        assert (
            code(
                aws.update_function_configuration,
                FunctionName="echo",
                Timeout=1,
                RevisionId=before["RevisionId"],
            )[0]
            == "PreconditionFailedException"
        )

    def test_concurrency(self, aws, echo):
        assert "ReservedConcurrentExecutions" not in aws.get_function_concurrency(
            FunctionName="echo"
        )
        aws.put_function_concurrency(FunctionName="echo", ReservedConcurrentExecutions=5)
        assert aws.get_function(FunctionName="echo")["Concurrency"] == {
            "ReservedConcurrentExecutions": 5
        }
        limit = aws.get_account_settings()["AccountLimit"]
        assert limit["ConcurrentExecutions"] - limit["UnreservedConcurrentExecutions"] == 5
        aws.delete_function_concurrency(FunctionName="echo")
        assert aws.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 1000

    def test_policy(self, aws, echo):
        assert code(aws.get_policy, FunctionName="echo") == ("ResourceNotFoundException", 404)
        given = {
            "FunctionName": "echo",
            "StatementId": "rule",
            "Action": "lambda:InvokeFunction",
            "Principal": "events.amazonaws.com",
            "SourceArn": "arn:aws:events:us-east-1:000000000000:rule/r",
        }
        statement = json.loads(aws.add_permission(**given)["Statement"])
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert code(aws.add_permission, **given) == ("ResourceConflictException", 409)
        policy = json.loads(aws.get_policy(FunctionName="echo")["Policy"])
        assert policy["Statement"] == [statement]
        aws.remove_permission(FunctionName="echo", StatementId="rule")
        assert code(aws.remove_permission, FunctionName="echo", StatementId="rule")[1] == 404

    def test_malformed_requests(self, aws, echo):
        assert code(aws.update_function_configuration, FunctionName="echo", Timeout="9") == (
            "SerializationException",
            400,
        )
        assert code(aws.create_function, FunctionName="x")[0] == "InvalidParameterValueException"
        assert code(aws.list_aliases, FunctionName="echo") == ("UnknownOperationException", 404)


class TestEventConfiguration:
    def test_all_of_it(self, aws, echo):
        assert code(aws.get_function_event_invoke_config, FunctionName="echo")[1] == 404
        aws.put_function_event_invoke_config(
            FunctionName="echo",
            MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": QUEUE + "failed"}},
        )
        aws.update_function_event_invoke_config(FunctionName="echo", MaximumEventAgeInSeconds=60)
        config = aws.get_function_event_invoke_config(FunctionName="echo")
        assert config["MaximumRetryAttempts"] == 0
        assert config["MaximumEventAgeInSeconds"] == 60
        assert config["DestinationConfig"]["OnFailure"]["Destination"] == QUEUE + "failed"
        assert config["FunctionArn"] == ARN + "echo:$LATEST"
        assert config["LastModified"].year > 2000
        listed = aws.list_function_event_invoke_configs(FunctionName="echo")
        assert len(listed["FunctionEventInvokeConfigs"]) == 1
        aws.put_function_event_invoke_config(FunctionName="echo", MaximumRetryAttempts=1)
        config = aws.get_function_event_invoke_config(FunctionName="echo")
        assert "MaximumEventAgeInSeconds" not in config
        aws.delete_function_event_invoke_config(FunctionName="echo")
        assert code(aws.delete_function_event_invoke_config, FunctionName="echo")[1] == 404

    @pytest.mark.parametrize(
        "given",
        [
            {"MaximumRetryAttempts": 3},
            {"MaximumEventAgeInSeconds": 59},
            {
                "DestinationConfig": {
                    "OnFailure": {"Destination": "arn:aws:sns:us-east-1:000000000000:topic"}
                }
            },
        ],
    )
    def test_refusals(self, aws, echo, given):
        answer = code(aws.put_function_event_invoke_config, FunctionName="echo", **given)
        assert answer == ("InvalidParameterValueException", 400)
