#!/usr/bin/env bash
# A virtual environment with the Python SDK example and its tests.
step=python
. "$(dirname -- "${BASH_SOURCE[0]}")/say.sh"
. "$root/setup/packages.sh"

sdk="$root/python-sdk-example"
venv="$sdk/.venv"
stamp="$venv/installed-pyproject.toml"

venv_works() {
  "$venv/bin/python" -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}
if venv_works && cmp -s "$sdk/pyproject.toml" "$stamp"; then
  ok "python-sdk-example/.venv is up to date"
  exit 0
fi

python_suits() {
  python3 -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}
if ! python_suits; then
  say "installing python3 and python3-venv" "the Python SDK example is tested on this machine, in an environment of its own"
  install_packages python3 python3-venv ca-certificates
  python_suits || fail "python3 is $(python3 --version 2>&1), which is too old" "put Python 3.11 or later, with venv, on PATH"
fi

say "installing python-sdk-example[test] into python-sdk-example/.venv" "its dependencies are not there, or pyproject.toml changed"
# An environment whose Python is gone (an upgrade of the machine, a moved folder) is made anew.
venv_works || logged python3 -m venv --clear "$venv"
(cd "$sdk" && logged .venv/bin/python -m pip install --disable-pip-version-check --editable '.[test]')
cp "$sdk/pyproject.toml" "$stamp"
