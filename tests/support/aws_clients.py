"""boto3 clients of servers on this machine."""

from typing import Any

import boto3
from botocore.config import Config


def client(
    service: str, url: str, *, key: str = "test", region: str = "us-east-1", **config: Any
) -> Any:
    """A client that does not try again: a test sees the first answer.

    Args:
        service: boto3's name of it.
        url: Where it is served.
        key: The access key id.
        region: The region.
        config: More for botocore's Config.
    """
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, **config),
    )
