"""What all tests share."""

import os
from pathlib import Path

# Wherever the tests are started from, hypothesis keeps what it finds in one ignored folder.
os.environ.setdefault(
    "HYPOTHESIS_STORAGE_DIRECTORY", str(Path(__file__).parents[1] / ".hypothesis")
)
