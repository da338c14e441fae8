"""Puts the oracles of the engine's contract tests on the import path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "asl_engine"))
