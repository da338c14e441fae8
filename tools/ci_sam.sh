#!/usr/bin/env bash
# Builds, and runs every function in its container and the HTTP API, with whatever that needs:
# installs Docker (Debian), starts its daemon and stops it again, makes the Lambda base image.
# Where Docker cannot run this fails, unless REDRESS_NO_DOCKER=1 is set; it says so at its end.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'sam: %s\n' "$*"; }
files=$(mktemp -d)
daemon=""

stop() {
  if [ -n "$daemon" ]; then
    kill "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
  fi
  rm -rf "$files"
}
trap stop EXIT

answers() { docker version >/dev/null 2>&1; }

install_docker() {
  command -v dockerd >/dev/null && command -v docker >/dev/null && return
  say "installing docker.io"
  export DEBIAN_FRONTEND=noninteractive
  local packages=docker.io
  {
    apt-get update -qq || return 1
    # Newer Debian has the client apart.
    if apt-cache show docker-cli; then packages="$packages docker-cli"; fi
    # shellcheck disable=SC2086 # a list
    apt-get install -y -qq --no-install-recommends $packages || return 1
  } >"$files/apt.log" 2>&1
}

start_docker() {
  answers && return
  if ! install_docker; then
    tail -5 "$files/apt.log"
    return 1
  fi
  say "starting dockerd"
  dockerd >"$files/dockerd.log" 2>&1 &
  daemon=$!
  for _ in $(seq 60); do
    answers && return
    kill -0 "$daemon" 2>/dev/null || break
    sleep 1
  done
  tail -5 "$files/dockerd.log"
  return 1
}

sh tools/sam.sh validate --lint
sh tools/build.sh
if ! start_docker; then
  if [ "${REDRESS_NO_DOCKER:-}" = 1 ]; then
    say "REDRESS_NO_DOCKER=1: Docker does not start here, so NO FUNCTION WAS INVOKED IN ITS CONTAINER"
    exit 0
  fi
  say "Docker does not start here. Install and start it, or set REDRESS_NO_DOCKER=1 to go without."
  exit 1
fi
.venv/bin/python -m tools.lambda_base
# What is pulled is nothing: the base image is here.
SAM_SKIP_PULL_IMAGE=1 .venv/bin/python -m tools.sam_local "$@"
