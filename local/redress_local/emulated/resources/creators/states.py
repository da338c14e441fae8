"""Step Functions: state machines, their versions and aliases."""

import json
from typing import Any

from redress_local.emulated.resources.errors import ResourceError
from redress_local.emulated.resources.making import Making, Table, kind
from redress_local.emulated.resources.sam import LocalPath
from redress_local.emulated.resources.stack import Created


def _machine(it: Making) -> Created:
    from asl_engine.errors import AslEngineError
    from asl_engine.source import load_definition, substitute

    try:
        document = _document(it, load_definition)
        definition = substitute(document, it.get("DefinitionSubstitutions", {}))
    except (AslEngineError, ValueError) as error:
        raise ResourceError(f"{it.resource}: {error}") from None
    name = it.name("StateMachineName", limit=80)
    arn = it.call(
        "stepfunctions",
        "create_state_machine",
        name=name,
        definition=json.dumps(definition, ensure_ascii=False),
        roleArn=it.required("RoleArn"),
        type=it.get("StateMachineType", "STANDARD"),
        loggingConfiguration=lower_keys(it.get("LoggingConfiguration")),
        tracingConfiguration=lower_keys(it.get("TracingConfiguration")),
        tags=lower_keys(it.get("Tags")),
    )["stateMachineArn"]
    return Created(
        ref=arn,
        attributes={"Arn": arn, "Name": name, "StateMachineRevisionId": "INITIAL"},
    )


def _document(it: Making, load: Any) -> Any:
    location = it.get("DefinitionS3Location")
    if isinstance(location, LocalPath):
        return load(it.stack.template.parent / location)
    if location is not None:
        raise ResourceError(f"{it.resource}: the definition lies in S3; name a local file")
    if it.get("Definition") is not None:
        return it.get("Definition")
    return json.loads(it.required("DefinitionString"))


def lower_keys(value: Any) -> Any:
    """Keys as the Step Functions API spells them: `LogGroupArn` is its `logGroupArn`."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: lower_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [lower_keys(item) for item in value]
    return value


def _version(it: Making) -> Created:
    arn = it.call(
        "stepfunctions",
        "publish_state_machine_version",
        stateMachineArn=it.required("StateMachineArn"),
        description=it.get("Description"),
    )["stateMachineVersionArn"]
    return Created(ref=arn, attributes={"Arn": arn})


def _alias(it: Making) -> Created:
    routes = it.get("RoutingConfiguration")
    if routes is None:
        # A deployment preference shifts traffic over time; here the new version gets it at once.
        version = it.required("DeploymentPreference")["StateMachineVersionArn"]
        routes = [{"StateMachineVersionArn": version, "Weight": 100}]
    arn = it.call(
        "stepfunctions",
        "create_state_machine_alias",
        name=it.required("Name"),
        description=it.get("Description"),
        routingConfiguration=lower_keys(routes),
    )["stateMachineAliasArn"]
    return Created(ref=arn, attributes={"Arn": arn})


KINDS: Table = {
    "AWS::StepFunctions::StateMachine": kind(
        _machine,
        """StateMachineName StateMachineType DefinitionS3Location DefinitionString Definition
        DefinitionSubstitutions RoleArn LoggingConfiguration TracingConfiguration Tags""",
        # At rest, histories lie in the run's own folder.
        "EncryptionConfiguration",
    ),
    "AWS::StepFunctions::StateMachineVersion": kind(
        _version, "StateMachineArn Description", "StateMachineRevisionId"
    ),
    "AWS::StepFunctions::StateMachineAlias": kind(
        _alias, "Name Description RoutingConfiguration DeploymentPreference"
    ),
}
