"""Writes events/schemas from the models, or says with `--check` which files differ."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import msgspec
from redress.models.base import SCHEMA_VERSION
from redress.models.case import CaseOpened
from redress.models.events import ApprovalRequested, CaseFailed, CaseProgressed
from redress.models.findings import FindingReported
from redress.models.settlement import Outcome
from redress_local.schemas import with_clean_descriptions

FOLDER = Path(__file__).parents[1] / "events" / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
DETAILS: dict[str, type[msgspec.Struct]] = {
    "CaseOpened": CaseOpened,
    "CaseProgressed": CaseProgressed,
    "ApprovalRequested": ApprovalRequested,
    "CaseResolved": Outcome,
    "CaseRejected": Outcome,
    "CaseFailed": CaseFailed,
    "FindingReported": FindingReported,
}
"""The model of each detail type. A further version of a schema is a further file."""


def schema(detail_type: str) -> dict[str, Any]:
    """Return the JSON Schema of a detail type's `detail`, closed at every level."""
    model = DETAILS[detail_type]
    _, components = msgspec.json.schema_components([model], ref_template="#/$defs/{name}")
    found = with_clean_descriptions(components)
    body = found.pop(model.__name__)
    properties = body["properties"]
    properties["schema_version"] = {"const": SCHEMA_VERSION}
    if model is Outcome:
        properties["status"] = {"const": detail_type.removeprefix("Case").lower()}
    return {
        "$schema": DIALECT,
        "$id": f"urn:redress:event:{detail_type}:{SCHEMA_VERSION}",
        **body,
        "title": detail_type,
        **({"$defs": found} if found else {}),
    }


def text(detail_type: str) -> str:
    """Return the schema as it is written to its file."""
    return json.dumps(schema(detail_type), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the files; with `--check` return 1 where one differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    differing = []
    for detail_type in DETAILS:
        path = FOLDER / f"{detail_type}.json"
        wanted = text(detail_type)
        if not path.is_file() or path.read_text(encoding="utf-8") != wanted:
            differing.append(path.name)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(wanted, encoding="utf-8")
    if check and differing:
        names = ", ".join(differing)
        print(f"{names}: not what the models say. Run python {sys.argv[0]}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
