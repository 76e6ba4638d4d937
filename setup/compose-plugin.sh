#!/usr/bin/env bash
# The docker compose plugin, recent enough for provider services.
step=compose
. "$(dirname -- "${BASH_SOURCE[0]}")/say.sh"
. "$root/setup/packages.sh"

oldest=2.36
plugins="${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins"

compose_version() {
  docker compose version --short 2>/dev/null | sed 's/^v//'
}

recent_enough() {
  [ -n "$1" ] && [ "$(printf '%s\n%s\n' "$oldest" "$1" | sort -V | head -n 1)" = "$oldest" ]
}

version=$(compose_version || true)
if recent_enough "$version"; then
  ok "docker compose $version"
  exit 0
fi

say "fetching the docker compose plugin from Debian sid into $plugins" \
  "provider services need $oldest or later, here is ${version:-none}"
unpack_from_suite sid docker-compose "$cache/docker-compose"
mkdir -p "$plugins"
install -m 755 "$cache/docker-compose/usr/libexec/docker/cli-plugins/docker-compose" "$plugins/docker-compose"
rm -rf "$cache/docker-compose"

version=$(compose_version || true)
recent_enough "$version" ||
  fail "docker compose is '${version:-missing}' after it was put into $plugins" "install docker compose $oldest or later yourself"
ok "docker compose $version"
