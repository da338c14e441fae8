"""Puts this folder on the import path, so that the oracles are an importable module."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("asl_oracles")
