"""What all tests share."""

import os
import sys
from pathlib import Path

# Helpers of several folders.
sys.path.insert(0, str(Path(__file__).parent / "support"))

# Wherever the tests are started from, hypothesis keeps what it finds in one ignored folder.
os.environ.setdefault(
    "HYPOTHESIS_STORAGE_DIRECTORY", str(Path(__file__).parents[1] / ".hypothesis")
)

from hypothesis import settings  # it reads the variable above when imported

# The same examples in every run, so that a red run is a change's doing. New ones are sought with
# HYPOTHESIS_PROFILE=explore.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
