"""Runs every function in its container through the SAM CLI; see `python -m tools.sam_local -h`."""
