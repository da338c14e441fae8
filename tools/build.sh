#!/bin/sh
# Builds the deployable artefacts into .aws-sam with the SAM CLI, which lives in a venv of its own:
# it and Strands need different versions of one package.
set -eu
cd "$(dirname "$0")/.."

sam_version=1.170.0
fail() { printf 'build: %s\n' "$*" >&2; exit 1; }

# Bytecode is written for the Lambda runtime, so nothing but 3.13 will do.
python=""
for candidate in .venv/bin/python python3.13 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13.*/bin/python3.13; do
  if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
    python=$("$candidate" -c 'import os, sys; print(os.path.join(sys.base_prefix, "bin", "python3.13"))')
    break
  fi
done
[ -n "$python" ] || fail "Python 3.13, the Lambda runtime, is needed to build. Install it, or set PYENV_VERSION."

sam=.tools/sam/bin/sam
if ! "$sam" --version 2>/dev/null | grep -q "$sam_version"; then
  printf 'build: installing the SAM CLI %s into .tools/sam\n' "$sam_version"
  .tools/uv/bin/uv venv --quiet --clear --python "$python" .tools/sam
  .tools/uv/bin/uv pip install --quiet --python .tools/sam/bin/python "aws-sam-cli==$sam_version" ||
    fail "the SAM CLI could not be installed. Check the network, then run this again."
fi

PATH="$(dirname "$python"):$PATH"
PYTHON=$python
SAM_CLI_TELEMETRY=0
export PATH PYTHON SAM_CLI_TELEMETRY
# The offline look-ups keep it from waiting for instance metadata or an account.
AWS_EC2_METADATA_DISABLED=true AWS_DEFAULT_REGION="${AWS_DEFAULT_REGION:-us-east-1}" \
  "$sam" build --cached --parallel "$@"
