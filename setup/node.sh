#!/usr/bin/env bash
# The npm packages of package-lock.json, Node 24 among them.
step=node
. "$(dirname -- "${BASH_SOURCE[0]}")/say.sh"
. "$root/setup/packages.sh"

command -v npm >/dev/null || {
  say "installing nodejs and npm" "npm fetches everything else, Node 24 included"
  install_packages nodejs npm ca-certificates
}

cd "$root"
if [ -x node_modules/.bin/node ] && node setup/packages-match-lock.mjs; then
  ok "the npm packages match package-lock.json"
else
  say "running npm ci" "node_modules does not match package-lock.json"
  logged npm ci --prefer-offline --no-audit --no-fund
fi
