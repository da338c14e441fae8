"""Writes the conformance table of docs/asl-engine.md from the cases that the tests run.

python tools/conformance.py            # rewrite the table
python tools/conformance.py --check    # 1 if the file has another one
"""

import argparse
import importlib
import sys
from pathlib import Path

_CASES = Path(__file__).parents[1] / "tests" / "contract" / "asl_engine"


def main() -> int:
    """Rewrite or check the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    check: bool = parser.parse_args().check
    sys.path.insert(0, str(_CASES))
    table = importlib.import_module("conformance_table")
    document: Path = table.DOCUMENT
    found = document.read_text(encoding="utf-8")
    wanted: str = table.updated(found)
    if found == wanted:
        print(f"{document.name} is up to date.")
        return 0
    if check:
        print(f"{document.name} is out of date; run python tools/conformance.py", file=sys.stderr)
        return 1
    document.write_text(wanted, encoding="utf-8")
    print(f"Wrote the table of {document.name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
