#!/usr/bin/env bash
# A consul binary, for the tests and the demo of the Consul registry.
step=consul
. "$(dirname -- "${BASH_SOURCE[0]}")/say.sh"
. "$root/setup/packages.sh"

if ! command -v consul >/dev/null; then
  # Bullseye is the last Debian release that has it; the binary runs on later ones.
  say "fetching consul from Debian bullseye into $cache/bin" "the Consul registry is tested against a real agent"
  unpack_from_suite bullseye consul "$cache/consul"
  install -m 755 "$cache/consul/usr/bin/consul" "$cache/bin/consul"
  rm -rf "$cache/consul"
fi
version=$(consul version 2>/dev/null | sed -n '1s/^Consul v\{0,1\}//p')
[ -n "$version" ] || fail "$(command -v consul) does not run" "remove it and run make setup again, or install Consul yourself"
ok "Consul $version"
