"""Lets the tests import what several folders of tests share."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "support"))
