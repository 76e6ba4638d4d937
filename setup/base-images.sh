#!/usr/bin/env bash
# base-images.sh [NAME...]: the images that all others start from; all of them, or those that are named. Each has one local name, outrigger-base/…, whatever it was made from: the public
# image where an image registry answers, distribution packages otherwise.
step=bases
. "$(dirname -- "${BASH_SOURCE[0]}")/say.sh"
. "$root/setup/packages.sh"
. "$root/setup/images.sh"
. "$root/setup/bootstrap-debian.sh"

dockerfiles="compose/images/base"

# registry_answers: asks the engine, as it may have a mirror or a proxy of its own; once, and remembers the answer.
registry_answers() {
  if [ -z "${registry_state:-}" ]; then
    if timeout 15 docker pull --quiet hello-world >/dev/null 2>&1; then registry_state=yes; else registry_state=no; fi
    [ $registry_state = yes ] ||
      say "building base images from distribution packages" "no image registry answers this machine's engine"
  fi
  [ "$registry_state" = yes ]
}

# take_public IMAGE PUBLIC: gives a public image its local name.
take_public() {
  registry_answers || return 1
  say "pulling $2" "images of services start from it"
  timeout 900 docker pull --quiet "$2" >"$cache/logs/$step.log" 2>&1 && docker tag "$2" "$1"
}

# current IMAGE INPUT...: whether an image is there and, where it was made here, made from those files as they are today.
current() {
  local label
  label=$(label_of "$1") || return 1
  [ -z "$label" ] || [ "$label" = "$(inputs_digest "${@:2}")" ]
}

recipe=setup/bootstrap-debian.sh

# ensure_debian SUITE
ensure_debian() {
  local image="outrigger-base/debian:$1"
  if ! current "$image" $recipe && ! take_public "$image" "debian:$1-slim"; then
    need_root "debootstrap, which makes $image where no image registry answers"
    bootstrap_debian "$image" "$1" "$(inputs_digest $recipe)"
  fi
}

# build_base NAME SUITE CHECK...: builds outrigger-base/NAME and runs a command in it, to see that the binaries run there.
# The function NAME_context fills its build context.
build_base() {
  local name=$1 suite=$2 context
  shift 2
  ensure_debian "$suite"
  say "building outrigger-base/$name" "images of services start from it"
  context=$(mktemp -d)
  "${name}_context" "$context"
  build "outrigger-base/$name" "$(inputs_digest $recipe "$dockerfiles/$name.Dockerfile")" \
    --build-arg "DEBIAN_IMAGE=outrigger-base/debian:$suite" --file "$root/$dockerfiles/$name.Dockerfile" "$context"
  rm -rf "$context"
  logged docker run --rm --entrypoint "$1" "outrigger-base/$name" "${@:2}"
}

python_context() { :; }

node_context() {
  cp "$(readlink -f "$root/node_modules/node/bin/node")" "$1/node"
  # Whatever way this machine has npm installed, the registry's own package is whole.
  (cd "$1" && logged npm pack --silent npm@11 && tar xzf npm-*.tgz && rm npm-*.tgz && mv package npm)
}

consul_context() {
  cp "$(command -v consul)" "$1/consul"
}

llama_context() { :; }

# The plugin of this machine, which the compose-plugin step saw to; found where docker itself looks for it.
compose_context() {
  local folder
  for folder in "${DOCKER_CONFIG:-$HOME/.docker}" /usr/local/lib/docker /usr/local/libexec/docker /usr/lib/docker /usr/libexec/docker; do
    [ ! -x "$folder/cli-plugins/docker-compose" ] || { cp "$folder/cli-plugins/docker-compose" "$1/docker-compose" && return; }
  done
  fail "the docker compose plugin is in none of the folders that docker looks in" "run: make setup"
}

# ensure NAME PUBLIC SUITE CHECK...
ensure() {
  local name=$1 public=$2 suite=$3
  shift 3
  current "outrigger-base/$name" $recipe "$dockerfiles/$name.Dockerfile" ||
    take_public "outrigger-base/$name" "$public" ||
    build_base "$name" "$suite" "$@"
}

all="debian python node consul llama compose"
for name in ${*:-$all}; do
  case $name in
    debian) ensure_debian bookworm && ensure_debian sid ;;
    python) ensure python python:3.12-slim bookworm python -m pip --version ;;
    node) ensure node node:24-bookworm-slim bookworm node --version ;;
    consul) ensure consul hashicorp/consul:1.22 bookworm consul version ;;
    llama) ensure llama ghcr.io/ggml-org/llama.cpp:server sid llama-server --version ;;
    compose) ensure compose docker/compose-bin:v2.40.3 bookworm /docker-compose version ;;
    *) fail "there is no base image called $name" "these are: $all" ;;
  esac
done
images=${*:-$all}
ok "outrigger-base/{${images// /,}} are there"
