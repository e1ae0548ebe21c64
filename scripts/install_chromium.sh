#!/bin/sh
# Debian's Chromium, for the tests that drive the real editor. On a machine where we may not install it, says so and
# goes on: those tests are then skipped.
set -eu
if [ -n "${CHROMIUM:-}" ] || command -v chromium >/dev/null || command -v google-chrome >/dev/null; then
  exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "No Chromium here, and no right to install one: the editor's tests will be skipped." >&2
  echo "Install it (Debian: apt-get install chromium), or name a browser in CHROMIUM." >&2
  exit 0
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
