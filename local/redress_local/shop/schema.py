"""Writes docs/shop.schema.json from the models: `python -m redress_local.shop.schema [FILE]`."""

import argparse
from pathlib import Path
from typing import Any

import msgspec

from redress_local.schemas import with_clean_descriptions
from redress_local.shop.document import Shop

DEFAULT_PATH = Path("docs/shop.schema.json")


def shop_schema() -> dict[str, Any]:
    """Return the JSON Schema of a shop file."""
    schema: dict[str, Any] = with_clean_descriptions(msgspec.json.schema(Shop))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Redress shop",
        **schema,
    }


def schema_text() -> str:
    """Return the schema as it stands in the file."""
    text = msgspec.json.format(msgspec.json.encode(shop_schema()), indent=2)
    return text.decode() + "\n"


def main() -> None:
    """Write the schema to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=DEFAULT_PATH)
    parser.parse_args().file.write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
