#!/bin/sh
# Makes .tools/judges, a venv of their own for the static judges: checkov and semgrep pin packages
# that the project has in other versions. Everything is pinned with its hash; safe to run again.
set -eu
cd "$(dirname "$0")/../.."

fail() { printf 'judges: %s\n' "$*" >&2; exit 1; }

stamp=$({ cat tools/judges/requirements.txt tools/judges/setup.sh; .venv/bin/python -V; } | cksum)
[ "$(cat .tools/judges/stamp 2>/dev/null)" = "$stamp" ] && exit 0
uv=.tools/uv/bin/uv
[ -x "$uv" ] || fail "run make setup first."
printf 'judges: installing the static judges into .tools/judges\n'
"$uv" venv --quiet --clear --python .venv/bin/python .tools/judges
"$uv" pip install --quiet --require-hashes --python .tools/judges/bin/python -r tools/judges/requirements.txt ||
  fail "the static judges could not be installed. Check the network, then run this again."
printf '%s' "$stamp" > .tools/judges/stamp
