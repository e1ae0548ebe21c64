#!/bin/sh
# Prints the path of the newest Python that the project is tested with and that can make an environment; 3.14, which only
# the workflow tries, if there is none of them. Looks on PATH and among pyenv's versions. PYTHON names one instead.
#
# scripts/find_python.sh [FOLDER]      an environment that is there already keeps its Python
set -u

usable() { # a command -> its path, if it runs, is new enough and can make environments
  "$1" -c '
import sys
import ensurepip, venv
if not (3, 11) <= sys.version_info < (4,):
    sys.exit(1)
print(getattr(sys, "_base_executable", sys.executable))
' 2>/dev/null
}

without=""
if [ -n "${PYTHON:-}" ]; then
  usable "$PYTHON" && exit 0
  echo "PYTHON=$PYTHON does not run, is older than 3.11, or lacks venv and ensurepip" >&2
  exit 1
fi
if [ -x "${1:-}/bin/python" ]; then
  usable "$1/bin/python" && exit 0
fi
for version in 3.13 3.12 3.11 3.14; do
  # pyenv has a command for each of its versions on PATH, of which only the chosen ones run; all are in its folder.
  found=$(command -v "python$version") || found=""
  case $found in
    */shims/*) pyenv=${found%/shims/*} ;;
    *) pyenv=${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv} ;;
  esac
  for candidate in "python$version" "$pyenv/versions/$version".*/bin/python; do
    usable "$candidate" && exit 0
    # There, but in parts: Debian keeps venv in a package of its own.
    if "$candidate" -c '' 2>/dev/null; then without="$without python$version"; fi
  done
done
for candidate in python3 python; do
  usable "$candidate" && exit 0
done
if [ -n "$without" ]; then
  # shellcheck disable=SC2086 # a list of words
  set -- $without
  echo "$1 is there, but cannot make an environment: it lacks venv or ensurepip." >&2
  echo "  help: on Debian and Ubuntu, apt-get install $1-venv" >&2
else
  echo "No Python from 3.11 to 3.14 was found, on PATH or in pyenv." >&2
  echo "  help: install one (Debian: apt-get install python3.11 python3.11-venv; else python.org, pyenv or uv), or name it:" >&2
  echo "        make PYTHON=/path/to/python3.12" >&2
fi
exit 1
