#!/bin/sh
# Makes .venv from uv.lock with the newest Python 3.11-3.13 that works here. Safe to run again.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# A pyenv shim exists for versions that are not active, so each candidate is tried, not just found.
works() { "$1" -c 'import ctypes, sqlite3, ssl, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; }

find_python() {
  if [ -n "${REDRESS_PYTHON:-}" ]; then
    works "$REDRESS_PYTHON" || fail "REDRESS_PYTHON=$REDRESS_PYTHON is not a working Python 3.11-3.13. Unset it or name another."
    printf '%s\n' "$REDRESS_PYTHON"
    return
  fi
  for minor in 13 12 11; do
    for candidate in "python3.$minor" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3."$minor".*/bin/python3."$minor" \
      /usr/bin/python3."$minor" /usr/local/bin/python3."$minor" /opt/homebrew/bin/python3."$minor"; do
      if works "$candidate"; then printf '%s\n' "$candidate"; return; fi
    done
  done
  if works python3; then printf 'python3\n'; return; fi
  fail "Python 3.11, 3.12 or 3.13 is needed and none works here. Install one (Debian: apt-get install python3 python3-venv)."
}

python=$(find_python)
version=$("$python" -c 'import platform; print(platform.python_version())')
stamp=$({ cat uv.lock pyproject.toml tools/setup.sh; printf '%s' "$version"; } | "$python" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
if [ -x .venv/bin/redress ] && [ "$(cat .venv/.redress-stamp 2>/dev/null)" = "$stamp" ]; then
  say "current (Python $version)"
  exit 0
fi
say "Python $version ($python)"

uv_version=0.13.9
uv=.tools/uv/bin/uv
if ! "$uv" --version 2>/dev/null | grep -q "uv $uv_version"; then
  say "installing uv $uv_version into .tools/uv"
  rm -rf .tools/uv
  "$python" -m venv .tools/uv || fail "python's venv module does not work. Install it (Debian: apt-get install python3-venv)."
  .tools/uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$uv_version" ||
    fail "uv $uv_version could not be installed. Check the network and pip's settings, then run this again."
fi

say "installing the locked packages into .venv"
"$uv" sync --quiet --frozen --compile-bytecode --python "$python" ||
  fail "the locked packages could not be installed. Check the network, then run this again."
say "compiling the sandbox's interpreter (once per machine)"
.venv/bin/python tools/build_wasi.py >/dev/null || fail "the sandbox's interpreter could not be compiled; see above."
printf '%s' "$stamp" > .venv/.redress-stamp
say "done"
