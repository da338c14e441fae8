"""The fixed example: charged twice, one of two items received."""

from pathlib import Path

from redress_local.shop.document import Shop
from redress_local.shop.files import load_shop

EXAMPLE_PATH = Path(__file__).with_name("example_shop.json")


def example_shop() -> Shop:
    """Return the example shop; events/case_opened.json opens the case about its first order."""
    return load_shop(EXAMPLE_PATH)
