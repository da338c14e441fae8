"""Puts the refund policy's passages into a Bedrock knowledge base, from policies/."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redress.adapters.aws.knowledge_base import KnowledgeBase, KnowledgeBasePolicy
from redress.adapters.passages import read_passages
from redress.errors import RedressError

POLICIES = Path(__file__).parents[1] / "policies"


def main(arguments: Sequence[str] | None = None, agent: Any = None) -> int:
    """Ingest every section; one that is there already is replaced.

    Args:
        arguments: The command line.
        agent: A client of bedrock-agent, by default one with this machine's credentials.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--knowledge-base-id", required=True, metavar="ID")
    parser.add_argument("--data-source-id", required=True, metavar="ID", help="of type CUSTOM")
    given = parser.parse_args(arguments)
    passages = read_passages(POLICIES)
    base = KnowledgeBase(given.knowledge_base_id, given.data_source_id, agent=agent)
    try:
        KnowledgeBasePolicy(base, passages).ingest()
    except RedressError as error:
        print(f"error: {error}: correct it and run this again", file=sys.stderr)
        return 1
    print(f"{len(passages)} passages are being indexed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
