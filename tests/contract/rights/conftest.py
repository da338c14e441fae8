"""A cloud of its own, on which every path has been taken once."""

import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from redress_local.emulated.cloud import EmulatedCloud
from redress_local.shop.generator import generate_shop

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parents[1] / "workflow" / "emulated"))
sys.path.insert(0, str(HERE.parents[1] / "support"))

CUSTOMERS, SEED = 150, 29


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-limits", action="store_true", help="write the table in docs/")


def log_every_invocation(cloud: EmulatedCloud) -> None:
    """Let the platform report what each invocation took, as an operator would."""
    client = boto3.client(
        "lambda",
        endpoint_url=cloud.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    for function in cloud.functions.functions():
        client.update_function_configuration(
            FunctionName=function.name, LoggingConfig={"SystemLogLevel": "INFO"}
        )


@pytest.fixture(scope="session")
def used_cloud() -> Iterator[EmulatedCloud]:
    from every_path import EveryPath

    shop, labels = generate_shop(CUSTOMERS, SEED)
    with EmulatedCloud.start(port=0, shop=shop) as cloud:
        log_every_invocation(cloud)
        cloud.warm()
        paths = EveryPath(cloud, labels)
        paths.customers()
        paths.fail_the_shipment_half_way()
        paths.fail_the_refund_of_a_line()
        paths.fail_to_reserve()
        paths.ask()
        paths.hear_of_a_finding()
        paths.use_tools()
        paths.look_at_tasks()
        paths.tokens()
        paths.resolve()
        yield cloud
