#!/bin/sh
# Builds the deployable artefacts into .aws-sam with the SAM CLI, and checks what it built.
# ARCH=arm64 builds for arm64; what is built can then be deployed for that alone.
set -eu
cd "$(dirname "$0")/.."

ARCH=${ARCH:-x86_64}
case $ARCH in
  x86_64) other=arm64 ;;
  arm64) other=x86_64 ;;
  *) printf 'build: ARCH=%s is none of Lambda: take x86_64 or arm64\n' "$ARCH" >&2; exit 2 ;;
esac
export ARCH

.venv/bin/python tools/requirements.py --check
sh tools/sam.sh build --cached --parallel --parameter-overrides "Architecture=$ARCH" "$@"
# The layers hold binaries of one architecture: another cannot be chosen when they are deployed.
sed -i.whole "/^  Architecture:/,/^  [A-Z]/ { s/Default: $other/Default: $ARCH/; /^ *- $other\$/d; }" \
  .aws-sam/build/template.yaml
rm .aws-sam/build/template.yaml.whole
.venv/bin/python -m tools.check_bundles
