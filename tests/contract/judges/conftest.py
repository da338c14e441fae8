"""The project's own tools can be imported here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from node_setup import node  # a fixture of every test here

__all__ = ["node"]
