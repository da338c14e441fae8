"""In the embedded cloud a function is the workload that its role is, as in AWS."""

import stat
from pathlib import Path
from typing import Any

import pytest
from redress.errors import AccessDeniedError
from redress.models.identity import ExchangeRequest
from redress_local.embedded.cloud import EmbeddedCloud
from redress_local.embedded.runtime import NotGrantedError
from redress_local.shop.example import example_shop


@pytest.fixture
def cloud(tmp_path: Path) -> Any:
    with EmbeddedCloud.open(tmp_path / "store", shop=example_shop(), workers=0) as opened:
        yield opened


def request(workload: Any) -> ExchangeRequest:
    return ExchangeRequest(
        workload=workload,
        audience="redress:orders:tools",
        scope=("orders:read",),
        case_id="case_1",
        grant_id="grant_1",
    )


def test_nobody_is_another_workload(cloud: EmbeddedCloud) -> None:
    broker = cloud.host.runtime_of("RunOrdersAgentFunction").broker
    with pytest.raises(AccessDeniedError, match="no grant"):
        broker.exchange(request("orders-agent"))
    for workload in ("payments-agent", "orchestrator", "settlement", "evidence"):
        with pytest.raises(AccessDeniedError, match="no workload"):
            broker.exchange(request(workload))


def test_who_names_no_token_endpoint_gets_no_tokens(cloud: EmbeddedCloud) -> None:
    runtime = cloud.host.runtime_of("FetchOrderEvidenceFunction")
    for part in ("broker", "signer", "keys"):
        with pytest.raises(NotGrantedError, match="REDRESS_TOKEN"):
            getattr(runtime, part)


def test_the_key_is_kept_with_the_store_and_made_when_it_is_needed(
    cloud: EmbeddedCloud, tmp_path: Path
) -> None:
    path = tmp_path / "store" / "token-key.pem"
    assert not path.exists()
    (public,) = cloud.host.runtime_of("ShowKeysFunction").keys.jwks()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = cloud.host.runtime_of("RunOrdersAgentFunction").keys
    assert again.find(public["kid"]) == public
