#!/bin/sh
# Runs the SAM CLI, which lives in a venv of its own: it and Strands need different versions of
# one package. Made when it is first needed, pinned with hashes (tools/sam-requirements.txt).
# Usage: sh tools/sam.sh ARGUMENTS OF sam
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)

fail() { printf 'sam: %s\n' "$*" >&2; exit 1; }

# Bytecode is written for the Lambda runtime, so nothing but 3.13 will do.
python=""
for candidate in "$root/.venv/bin/python" python3.13 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13.*/bin/python3.13; do
  if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
    python=$("$candidate" -c 'import os, sys; print(os.path.join(sys.base_prefix, "bin", "python3.13"))')
    break
  fi
done
[ -n "$python" ] || fail "Python 3.13, the Lambda runtime, is needed. Install it, or set PYENV_VERSION."

sam=$root/.tools/sam/bin/sam
uv=$root/.tools/uv/bin/uv
wanted=$root/tools/sam-requirements.txt
stamp=$({ cat "$wanted"; "$python" -V; } | cksum)
if ! [ -x "$sam" ] || [ "$(cat "$root/.tools/sam/stamp" 2>/dev/null)" != "$stamp" ]; then
  printf 'sam: installing the SAM CLI into .tools/sam\n' >&2
  "$uv" venv --quiet --clear --python "$python" "$root/.tools/sam"
  "$uv" pip install --quiet --compile-bytecode --require-hashes --python "$root/.tools/sam/bin/python" -r "$wanted" ||
    fail "the SAM CLI could not be installed. Check the network, then run this again."
  printf '%s' "$stamp" > "$root/.tools/sam/stamp"
fi

# The offline settings keep it from waiting for instance metadata or an account.
PATH="$(dirname "$python"):$PATH"
PYTHON=$python
SAM_CLI_TELEMETRY=0
AWS_EC2_METADATA_DISABLED=true
AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-us-east-1}
export PATH PYTHON SAM_CLI_TELEMETRY AWS_EC2_METADATA_DISABLED AWS_DEFAULT_REGION
exec "$sam" "$@"
