"""The published schema of a shop file."""

from pathlib import Path

import jsonschema
import msgspec
from redress.models.base import dump_json
from redress_local.shop.example import EXAMPLE_PATH
from redress_local.shop.generator import generate_shop
from redress_local.shop.schema import DEFAULT_PATH, schema_text, shop_schema

ROOT = Path(__file__).parents[4]


def test_the_published_schema_is_current() -> None:
    published = (ROOT / DEFAULT_PATH).read_text(encoding="utf-8")
    assert published == schema_text(), "run: python -m redress_local.shop.schema"


def test_shops_fit_the_schema() -> None:
    validator = jsonschema.Draft202012Validator(shop_schema())
    validator.validate(msgspec.json.decode(EXAMPLE_PATH.read_bytes()))
    shop = msgspec.json.decode(dump_json(generate_shop(3, 1)[0]))
    validator.validate(shop)
    shop["payments"][0]["amount_minor"] = 1.5
    assert not validator.is_valid(shop)
