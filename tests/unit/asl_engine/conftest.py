"""Lets the engine's tests share their helpers: this folder is on the import path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
