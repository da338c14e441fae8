"""A token names the products of its case and no others, however large the order is."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from identity_world import ACCESS, NOW, Identity
from redress.errors import AccessDeniedError
from redress.identity.grants import MAX_CHAIN
from redress.identity.tokens import MAX_SKUS, MAX_TOKEN, claims_of, sign
from redress.models.identity import sku_digests

TARGET = "redress:inventory:tools"
SKU = st.text("ABCXYZabcxyz0189_.:-", min_size=1, max_size=128)


@settings(max_examples=40, deadline=None)
@given(st.lists(SKU, unique=True, max_size=40), st.lists(SKU, unique=True, max_size=10))
def test_a_token_is_for_the_products_of_its_case(skus: list[str], others: list[str]) -> None:
    identity = Identity(skus=tuple(skus))
    token = identity.token("inventory-agent", TARGET, "inventory:read")
    found = identity.verifier(TARGET).verify(token)
    assert found.sku_digests == sku_digests(skus)
    asked = [*skus, *others]
    allowed = [
        sku
        for sku, digest in zip(asked, sku_digests(asked), strict=True)
        if digest in found.sku_digests
    ]
    assert allowed == [sku for sku in asked if sku in skus]


def test_the_largest_order_with_the_longest_ids_fits() -> None:
    identity, longest = Identity(), "x" * 128
    access = msgspec.structs.replace(
        ACCESS,
        subject=longest,
        case_id=longest,
        order_id=longest,
        sku_digests=sku_digests(f"{n:x>128}" for n in range(MAX_SKUS)),
        audience=TARGET,
        scopes=("inventory:read",),
        act=("inventory-agent",) * (MAX_CHAIN + 1),
    )
    issuer = f"https://{'x' * 120}"
    at = int(NOW.timestamp())
    token = sign(claims_of(access, issuer=issuer, jti=longest, now=at, life=60), identity.key)
    assert MAX_TOKEN // 2 < len(token) <= MAX_TOKEN


def test_no_token_is_issued_that_would_not_fit() -> None:
    skus = tuple(f"sku_{n}" for n in range(MAX_SKUS + 1))
    identity = Identity(skus=skus[:-1])
    identity.verifier(TARGET).verify(identity.token("inventory-agent", TARGET, "inventory:read"))
    with pytest.raises(AccessDeniedError, match="501 products"):
        Identity(skus=skus).token("inventory-agent", TARGET, "inventory:read")
