"""What functions in containers are told leads them to the local cloud as it always is."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.credentials import Credentials
from redress.adapters.aws.repository import DynamoDbRepository
from redress.adapters.aws.token_exchange import HttpTokenBroker
from redress.errors import AccessDeniedError
from redress.identity.grants import save_grant
from redress.models.identity import ExchangeRequest, Grant
from redress_local.cli.endpoint import DEFAULT_PORT
from redress_local.emulated.cloud import EmulatedCloud
from redress_local.emulated.containers import container_variables

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cloud():
    with EmulatedCloud.start(project=ROOT, port=0) as cloud:
        yield cloud


def test_the_file_for_sam_local_is_what_the_cloud_says(cloud: EmulatedCloud) -> None:
    port = urlsplit(cloud.url).port
    said = json.dumps(container_variables(cloud)).replace(f":{port}", f":{DEFAULT_PORT}")
    file = ROOT / "local" / "sam-env.json"
    assert json.loads(said) == json.loads(file.read_text(encoding="utf-8"))


def test_every_name_in_it_is_a_resource_of_the_cloud(cloud: EmulatedCloud) -> None:
    told = container_variables(cloud)["Parameters"]
    tables = {value for name, value in told.items() if name.endswith("_TABLE")}
    assert tables == set(cloud.client("dynamodb").list_tables()["TableNames"])
    buses = {each["Name"] for each in cloud.client("events").list_event_buses()["EventBuses"]}
    assert told["REDRESS_BUS_NAME"] in buses
    # What any container can call this machine by, whichever address it has.
    # The issuer is a name: the cloud's own function signs tokens in it.
    assert told.pop("REDRESS_TOKEN_ISSUER") == cloud.url
    urls = [value for value in told.values() if value.startswith("http")]
    assert {urlsplit(url).netloc for url in urls} == {
        f"host.docker.internal:{urlsplit(cloud.url).port}"
    }


def test_what_the_template_tells_by_itself_is_left_out(cloud: EmulatedCloud) -> None:
    told = container_variables(cloud)["Parameters"]
    (agent,) = [
        spec
        for spec in cloud.functions.functions()
        if spec.logical_id == "InvestigateMonolithFunction"
    ]
    assert agent.environment.keys() - told.keys() == {"REDRESS_MODEL", "REDRESS_METRICS_NAMESPACE"}


def test_nothing_of_it_is_deployed(cloud: EmulatedCloud) -> None:
    for spec in cloud.functions.functions():
        assert "AWS_ENDPOINT_URL" not in spec.environment


def test_a_container_gets_the_tokens_of_its_function_and_no_others(
    cloud: EmulatedCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    grant = Grant(
        grant_id="grant_container",
        case_id="case_container",
        customer_id="cus_container",
        scopes=("orders:read",),
        source="api",
        expires_at=now + timedelta(hours=1),
        order_id="ord_container",
        as_of=now,
    )
    save_grant(DynamoDbRepository(str(cloud.table("cases")), cloud.client("dynamodb")), grant)
    request = ExchangeRequest(
        workload="orders-agent",
        audience="redress:orders:tools",
        scope=("orders:read",),
        case_id=grant.case_id,
        grant_id=grant.grant_id,
    )
    specs = {spec.logical_id: spec for spec in cloud.functions.functions()}

    def ask(named: str, access_key_id: str = "AKIAOPERATOR") -> str:
        # As in a container: the key of whoever started it, the logical id for a name.
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", named)
        keys = Credentials(access_key_id, "secret")
        broker = HttpTokenBroker(f"{cloud.url}/oauth/token", "us-east-1", keys)
        return broker.exchange(request).access_token

    assert ask("RunOrdersAgentFunction")
    assert ask(specs["RunOrdersAgentFunction"].name)
    key = specs["RunPaymentsAgentFunction"].access_key_id
    # Not by another's name, by nobody's, nor with a key that is another function's.
    for named, access_key_id in (
        ("RunPaymentsAgentFunction", "AKIAOPERATOR"),
        ("NoFunction", "AKIAOPERATOR"),
        ("", "AKIAOPERATOR"),
        ("RunOrdersAgentFunction", key),
    ):
        with pytest.raises(AccessDeniedError):
            ask(named, access_key_id)
