"""The shop that a store is seeded with, once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from redress_local.embedded.store import ForeignShopError, StoreFolder, new_info

if TYPE_CHECKING:
    from redress.ports import Repository

    from redress_local.shop.document import Shop


def seed(folder: StoreFolder, shop: Shop | None, domain: Callable[[str], Repository]) -> None:
    """Fill a new store with a shop; one that was seeded before stays as it is.

    Args:
        folder: The store.
        shop: What it holds at first; the example shop when None.
        domain: The repository of a domain, by name.

    Raises:
        ForeignShopError: The store was seeded with another shop.
    """
    info = folder.info
    if info is not None:
        if shop is not None and shop_digest(shop) != info.shop_digest:
            raise ForeignShopError(f"{folder.path}: seeded with another shop")
        return
    from redress_local.shop.example import example_shop
    from redress_local.shop.seeding import seed_repositories

    shop = shop or example_shop()
    seed_repositories(shop, domain("orders"), domain("payments"), domain("inventory"))
    folder.remember(new_info(shop_digest(shop), shop.as_of.isoformat()))


def shop_digest(shop: Shop) -> str:
    """SHA-256 of a shop's document."""
    return hashlib.sha256(msgspec.json.encode(shop)).hexdigest()
