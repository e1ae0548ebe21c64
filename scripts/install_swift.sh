#!/bin/sh
# Debian's OpenStack Swift, whose S3 API refuses forged signatures, for the tests of buckets. On a machine where we may
# not install it, says so and goes on: those tests are then skipped.
set -eu
if command -v swift-proxy-server >/dev/null && command -v memcached >/dev/null; then
  exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "No Swift here, and no right to install it: the tests of buckets will be skipped." >&2
  exit 0
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  swift swift-proxy swift-account swift-container swift-object memcached python3-keystonemiddleware >/dev/null
