"""Every type that goes through an API, with all that a template may say of it."""

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from redress_local.emulated.resources.create import create_all
from redress_local.emulated.resources.errors import ResourceError
from redress_local.emulated.resources.names import key_id
from redress_local.emulated.resources.stack import Stack
from redress_local.emulated.resources.translate import translate

ARN = "arn:aws:{}:us-east-1:000000000000:{}"
counter = iter(range(1000))


def make(cloud: Any, folder: Path, text: str) -> Stack:
    file = folder / "template.yaml"
    file.write_text(dedent(text))
    stack = translate(file, stack_name=f"types{next(counter)}")
    create_all(stack, cloud.services)
    return stack


def test_dynamodb(cloud: Any, tmp_path: Path) -> None:
    stack = make(
        cloud,
        tmp_path,
        """
        Resources:
          Table:
            Type: AWS::DynamoDB::Table
            Properties:
              ProvisionedThroughput: {ReadCapacityUnits: "5", WriteCapacityUnits: 5}
              AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
              KeySchema: [{AttributeName: pk, KeyType: HASH}]
              StreamSpecification: {StreamViewType: NEW_IMAGE}
              SSESpecification: {SSEEnabled: true}
              TimeToLiveSpecification: {AttributeName: expires, Enabled: true}
              PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
              DeletionProtectionEnabled: "true"
              Tags: [{Key: a, Value: b}]
        Outputs: {Stream: {Value: !GetAtt Table.StreamArn}, Arn: {Value: !GetAtt Table.Arn}}
        """,
    )
    client, name = cloud.client("dynamodb"), stack.created["Table"].ref
    table = client.describe_table(TableName=name)["Table"]
    assert stack.outputs == {"Stream": table["LatestStreamArn"], "Arn": table["TableArn"]}
    assert table["DeletionProtectionEnabled"] is True
    assert table["ProvisionedThroughput"]["ReadCapacityUnits"] == 5
    assert table["SSEDescription"]["Status"] == "ENABLED"
    expiry = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert expiry == {"AttributeName": "expires", "TimeToLiveStatus": "ENABLED"}
    backups = client.describe_continuous_backups(TableName=name)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"


def test_sqs(cloud: Any, tmp_path: Path) -> None:
    stack = make(
        cloud,
        tmp_path,
        """
        Resources:
          Fifo:
            Type: AWS::SQS::Queue
            Properties:
              FifoQueue: true
              ContentBasedDeduplication: true
              RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}
              Tags: [{Key: a, Value: b}]
          Dead: {Type: 'AWS::SQS::Queue', Properties: {FifoQueue: true}}
          Plain: {Type: 'AWS::SQS::Queue', Properties: {FifoQueue: false, VisibilityTimeout: 9}}
        """,
    )
    client = cloud.client("sqs")
    assert stack.attribute("Fifo", "QueueName").endswith(".fifo")
    read = client.get_queue_attributes(QueueUrl=stack.created["Fifo"].ref, AttributeNames=["All"])[
        "Attributes"
    ]
    assert read["QueueArn"] == stack.attribute("Fifo", "Arn")
    assert json.loads(read["RedrivePolicy"]) == {
        "deadLetterTargetArn": stack.attribute("Dead", "Arn"),
        "maxReceiveCount": 3,
    }
    plain = client.get_queue_attributes(
        QueueUrl=stack.created["Plain"].ref, AttributeNames=["VisibilityTimeout"]
    )
    assert plain["Attributes"] == {"VisibilityTimeout": "9"}


def test_s3(cloud: Any, tmp_path: Path) -> None:
    stack = make(
        cloud,
        tmp_path,
        """
        Resources:
          Bucket:
            Type: AWS::S3::Bucket
            Properties:
              VersioningConfiguration: {Status: Enabled}
              BucketEncryption:
                ServerSideEncryptionConfiguration:
                  - ServerSideEncryptionByDefault: {SSEAlgorithm: AES256}
              PublicAccessBlockConfiguration:
                {BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true,
                 RestrictPublicBuckets: true}
              OwnershipControls: {Rules: [{ObjectOwnership: BucketOwnerEnforced}]}
              CorsConfiguration:
                CorsRules: [{AllowedMethods: [GET], AllowedOrigins: ['*'], MaxAge: "5"}]
              Tags: [{Key: a, Value: b}]
          Policy:
            Type: AWS::S3::BucketPolicy
            Properties:
              Bucket: !Ref Bucket
              PolicyDocument: {Version: "2012-10-17", Statement: []}
        """,
    )
    client, name = cloud.client("s3"), stack.created["Bucket"].ref
    assert name == name.lower()
    assert stack.attribute("Bucket", "Arn") == f"arn:aws:s3:::{name}"
    assert client.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    rules = client.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]
    assert "AES256" in json.dumps(rules)
    assert client.get_bucket_cors(Bucket=name)["CORSRules"][0]["MaxAgeSeconds"] == 5
    assert client.get_public_access_block(Bucket=name)
    assert json.loads(client.get_bucket_policy(Bucket=name)["Policy"])["Statement"] == []
    client.put_object(Bucket=name, Key="k", Body=b"v")
    assert client.get_object(Bucket=name, Key="k")["Body"].read() == b"v"


def test_parameters_keys_and_secrets(cloud: Any, tmp_path: Path) -> None:
    stack = make(
        cloud,
        tmp_path,
        """
        Resources:
          Setting: {Type: 'AWS::SSM::Parameter', Properties: {Type: String, Value: x, Tags: {a: b}}}
          Key:
            Type: AWS::KMS::Key
            Properties:
              KeySpec: ECC_NIST_P256
              KeyUsage: SIGN_VERIFY
              Tags: [{Key: a, Value: b}]
          Plain: {Type: 'AWS::KMS::Key', Properties: {EnableKeyRotation: true, Enabled: "true"}}
          Wide: {Type: 'AWS::KMS::Key', Properties: {MultiRegion: "true"}}
          Alias:
            Type: AWS::KMS::Alias
            Properties: {AliasName: alias/types, TargetKeyId: !Ref Key}
          Given: {Type: 'AWS::SecretsManager::Secret', Properties: {SecretString: hush}}
          Made:
            Type: AWS::SecretsManager::Secret
            Properties:
              GenerateSecretString:
                SecretStringTemplate: '{"user": "me"}'
                GenerateStringKey: password
                PasswordLength: "20"
                ExcludePunctuation: true
        Outputs:
          Value: {Value: !GetAtt Setting.Value}
          Id: {Value: !GetAtt Key.KeyId}
        """,
    )
    name = stack.created["Setting"].ref
    assert cloud.client("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "x"
    assert stack.outputs == {"Value": "x", "Id": stack.created["Key"].ref}
    key = cloud.client("kms").describe_key(KeyId="alias/types")["KeyMetadata"]
    assert (key["Arn"], key["KeySpec"]) == (stack.attribute("Key", "Arn"), "ECC_NIST_P256")
    # Named as everything else: the same at every start, and by no tag that the template lacks.
    assert key["KeyId"] == key_id(stack.name, "Key")
    tags = cloud.client("kms").list_resource_tags(KeyId=key["KeyId"])["Tags"]
    assert tags == [{"TagKey": "a", "TagValue": "b"}]
    wide = cloud.client("kms").describe_key(KeyId=stack.created["Wide"].ref)["KeyMetadata"]
    assert wide["KeyId"] == key_id(stack.name, "Wide", multi_region=True)
    secrets = cloud.client("secretsmanager")
    given = secrets.get_secret_value(SecretId=stack.created["Given"].ref)
    assert given["SecretString"] == "hush"
    made = secrets.get_secret_value(SecretId=stack.attribute("Made", "Id"))
    made_value = json.loads(made["SecretString"])
    assert made_value["user"] == "me"
    assert len(made_value["password"]) == 20


def test_iam(cloud: Any, tmp_path: Path) -> None:
    stack = make(
        cloud,
        tmp_path,
        """
        Resources:
          Role:
            Type: AWS::IAM::Role
            Properties:
              AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: []}
              ManagedPolicyArns:
                - arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole
                - !Ref Managed
          Managed:
            Type: AWS::IAM::ManagedPolicy
            Properties:
              PolicyDocument:
                Statement: [{Effect: Allow, Action: 's3:GetObject', Resource: '*'}]
          Inline:
            Type: AWS::IAM::Policy
            Properties:
              PolicyName: inline
              Roles: [!Ref Role]
              PolicyDocument:
                Version: "2012-10-17"
                Statement: [{Effect: Allow, Action: 's3:PutObject', Resource: '*'}]
        """,
    )
    client, role = cloud.client("iam"), stack.created["Role"].ref
    assert client.get_role(RoleName=role)["Role"]["Arn"] == stack.attribute("Role", "Arn")
    policy = client.get_role_policy(RoleName=role, PolicyName="inline")["PolicyDocument"]
    assert policy["Statement"][0]["Action"] == "s3:PutObject"
    attached = client.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert [one["PolicyArn"] for one in attached] == [stack.created["Managed"].ref]


def test_events(cloud: Any, tmp_path: Path) -> None:
    stack = make(
        cloud,
        tmp_path,
        """
        Resources:
          Queue: {Type: 'AWS::SQS::Queue'}
          Bus: {Type: 'AWS::Events::EventBus', Properties: {Name: types-bus, Description: x}}
          Matching:
            Type: AWS::Events::Rule
            Properties:
              EventBusName: !Ref Bus
              EventPattern: {source: [a], detail: {amount: [{numeric: ['>', 5]}]}}
              State: DISABLED
              Targets:
                - Id: One
                  Arn: !GetAtt Queue.Arn
                  RetryPolicy: {MaximumRetryAttempts: "3"}
                  InputTransformer: {InputPathsMap: {a: $.detail}, InputTemplate: '{"a": <a>}'}
          Ticking: {Type: 'AWS::Events::Rule', Properties: {ScheduleExpression: rate(1 hour)}}
          Kept:
            Type: AWS::Events::Archive
            Properties: {SourceArn: !GetAtt Bus.Arn, EventPattern: {source: [a]}, RetentionDays: 5}
          Allowed:
            Type: AWS::Events::EventBusPolicy
            Properties:
              EventBusName: !Ref Bus
              StatementId: them
              Statement:
                Effect: Allow
                Principal: '*'
                Action: events:PutEvents
                Resource: !GetAtt Bus.Arn
        """,
    )
    client = cloud.client("events")
    bus, name = stack.created["Matching"].ref.split("|")
    assert bus == "types-bus"
    rule = client.describe_rule(Name=name, EventBusName=bus)
    assert (rule["Arn"], rule["State"]) == (stack.attribute("Matching", "Arn"), "DISABLED")
    (target,) = client.list_targets_by_rule(Rule=name, EventBusName=bus)["Targets"]
    assert target["RetryPolicy"]["MaximumRetryAttempts"] == 3
    assert target["InputTransformer"]["InputPathsMap"] == {"a": "$.detail"}
    ticking = client.describe_rule(Name=stack.created["Ticking"].ref)
    assert ticking["ScheduleExpression"] == "rate(1 hour)"
    archive = client.describe_archive(ArchiveName=stack.created["Kept"].ref)
    assert json.loads(archive["EventPattern"]) == {"source": ["a"]}
    assert "them" in client.describe_event_bus(Name=bus)["Policy"]


def test_machines_with_versions_and_aliases(cloud: Any, tmp_path: Path) -> None:
    (tmp_path / "m.asl.yaml").write_text(
        "QueryLanguage: JSONata\nStartAt: Done\n"
        "States: {Done: {Type: Pass, Output: '${Word}', End: true}}\n"
    )
    stack = make(
        cloud,
        tmp_path,
        """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          Machine:
            Type: AWS::Serverless::StateMachine
            Properties:
              DefinitionUri: m.asl.yaml
              DefinitionSubstitutions: {Word: hello}
              Role: arn:aws:iam::000000000000:role/x
              AutoPublishAlias: live
          Text:
            Type: AWS::StepFunctions::StateMachine
            Properties:
              StateMachineName: types-express
              StateMachineType: EXPRESS
              RoleArn: arn:aws:iam::000000000000:role/x
              DefinitionString: >-
                {"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
        """,
    )
    client = cloud.client("stepfunctions")
    machine = client.describe_state_machine(stateMachineArn=stack.created["Machine"].ref)
    assert json.loads(machine["definition"])["States"]["Done"]["Output"] == "hello"
    (alias,) = client.list_state_machine_aliases(stateMachineArn=stack.created["Machine"].ref)[
        "stateMachineAliases"
    ]
    assert alias["stateMachineAliasArn"].endswith(":live")
    text = client.describe_state_machine(stateMachineArn=stack.created["Text"].ref)
    assert (text["name"], text["type"]) == ("types-express", "EXPRESS")
    assert stack.created["Text"].ref == ARN.format("states", "stateMachine:types-express")


def test_functions_with_aliases_mappings_and_permissions(cloud: Any, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    stack = make(
        cloud,
        tmp_path,
        """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          Work:
            Type: AWS::Serverless::Function
            Properties:
              CodeUri: work
              Handler: handler.handler
              Runtime: python3.13
              Role: arn:aws:iam::000000000000:role/x
              AutoPublishAlias: live
              EventInvokeConfig: {MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60}
              Events:
                Some: {Type: EventBridgeRule, Properties: {Pattern: {source: [types]}}}
                Mail:
                  Type: SQS
                  Properties:
                    Queue: !GetAtt Queue.Arn
                    BatchSize: 5
                    Enabled: false
                    FunctionResponseTypes: [ReportBatchItemFailures]
          Queue: {Type: 'AWS::SQS::Queue'}
        """,
    )
    (spec,) = (one for one in cloud.functions.functions() if one.code == tmp_path / "work")
    assert stack.attribute("Work", "Arn") == spec.arn
    lambda_client = cloud.client("lambda")
    policy = json.loads(lambda_client.get_policy(FunctionName=spec.name)["Policy"])
    assert policy["Statement"][0]["Principal"] == {"Service": "events.amazonaws.com"}
    (mapping,) = lambda_client.list_event_source_mappings(FunctionName=spec.name)[
        "EventSourceMappings"
    ]
    assert mapping["EventSourceArn"] == stack.attribute("Queue", "Arn")
    assert (mapping["BatchSize"], mapping["UUID"]) == (5, stack.created["WorkMail"].ref)
    config = cloud.functions.event_invoke_config(spec.name)
    assert (config.maximum_retry_attempts, config.maximum_event_age) == (0, 60)
    rule = stack.created["WorkSome"].ref
    (target,) = cloud.client("events").list_targets_by_rule(Rule=rule)["Targets"]
    assert target["Arn"] == spec.arn


def test_topics(cloud: Any, tmp_path: Path) -> None:
    stack = make(
        cloud,
        tmp_path,
        """
        Resources:
          Topic: {Type: 'AWS::SNS::Topic', Properties: {DisplayName: x}}
          Policy:
            Type: AWS::SNS::TopicPolicy
            Properties: {Topics: [!Ref Topic], PolicyDocument: {Version: "2012-10-17"}}
        """,
    )
    arn = stack.created["Topic"].ref
    read = cloud.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]
    assert read["DisplayName"] == "x"


def test_what_a_service_refuses_names_the_resource(cloud: Any, tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"AWS::SQS::Queue \(Q\): CreateQueue: .*InvalidP"):
        make(
            cloud,
            tmp_path,
            "Resources: {Q: {Type: 'AWS::SQS::Queue', Properties: {QueueName: 'no good!'}}}",
        )
