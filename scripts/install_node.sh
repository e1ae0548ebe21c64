#!/bin/sh
# Node 20 or later with npm, for the tests of the TypeScript clients. On a machine where we may not install it, or whose
# packages are older, says so and goes on: those tests are then skipped.
set -eu
is_there() {
  command -v npm >/dev/null && command -v node >/dev/null && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ]
}
if is_there; then
  exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "No Node of 20 or later with npm here, and no right to install one: the TypeScript clients' tests will be skipped." >&2
  exit 0
fi
apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null ||
  echo "Node could not be installed." >&2
is_there || echo "There is no Node of 20 or later here: the TypeScript clients' tests will be skipped." >&2
