#!/bin/sh
# Installs what a lock pins into an environment of the image, in one layer of it: compiled, because a worker that compiles
# starts later, and without what no worker reads.
#
#   install.sh ENVIRONMENT LOCK
set -eu

# The image's own pip, for an environment that has none.
python -m pip --python "$1/bin/python" --disable-pip-version-check install --quiet --root-user-action=ignore --no-compile \
  --no-deps --require-hashes --requirement "$2"

# Libraries for linkers, and packages' own tests. Not whole folders of tests: numpy imports a module that lies in one.
find "$1" -name '*.a' -type f -delete
find "$1" -path '*/tests/*' \( -name 'test_*.py' -o -path '*/data/*' \) -type f -delete

# What is compiled already is passed by. A few packages hold templates that are called .py and are none.
"$1/bin/python" -m compileall -qq -j 0 "$1/lib" || true
