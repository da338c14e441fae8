#!/bin/sh
# Builds the deployable artefacts into .aws-sam with the SAM CLI, and checks what it built.
set -eu
cd "$(dirname "$0")/.."

.venv/bin/python tools/requirements.py --check
sh tools/sam.sh build --cached --parallel "$@"
.venv/bin/python -m tools.check_bundles
