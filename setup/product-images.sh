#!/usr/bin/env bash
# product-images.sh [NAME...]: the images that the demo, the tests and the compose examples run; all of them, or those that
# are named. Each is made again only when what it is made from changed.
step=images
. "$(dirname -- "${BASH_SOURCE[0]}")/say.sh"
. "$root/setup/images.sh"

# digest_of INPUT... -- BASE...: one digest of files, and of the images that they are put upon.
digest_of() {
  local inputs=()
  while [ "$1" != -- ]; do
    inputs+=("$1")
    shift
  done
  shift
  { inputs_digest "${inputs[@]}" && docker image inspect --format '{{.Id}}' "$@"; } | sha256sum | cut -c 1-32
}

# outdated IMAGE DIGEST
outdated() {
  [ "$(label_of "$1" || true)" != "$2" ]
}

why="it is not there, or what it is made from changed"

llama-tiny() {
  local image=outrigger/llama-tiny:demo digest
  digest=$(digest_of compose/images/llama -- outrigger-base/python outrigger-base/llama)
  if outdated $image "$digest"; then
    say "building $image" "$why"
    build $image "$digest" --build-arg PYTHON_IMAGE=outrigger-base/python --build-arg LLAMA_IMAGE=outrigger-base/llama \
      "$root/compose/images/llama"
  fi
}

# sdk_image TARGET: no more than .dockerignore lets into that folder's images, as its tests change more often.
sdk_image() {
  local image=outrigger/$1:demo sdk=python-sdk-example digest
  digest=$(digest_of $sdk/{Dockerfile,.dockerignore,constraints.txt,pyproject.toml,README.md,src,examples} -- outrigger-base/python)
  if outdated "$image" "$digest"; then
    say "building $image" "$why"
    build "$image" "$digest" --build-arg PYTHON_IMAGE=outrigger-base/python --target "$1" "$root/$sdk"
  fi
}

control-plane() {
  local image=outrigger/control-plane:demo digest
  digest=$(digest_of package.json package-lock.json tsconfig.json tsconfig.build.json proto control-plane sidecar client cli packaging \
    compose/images/control-plane .dockerignore -- outrigger-base/node outrigger-base/compose)
  if outdated $image "$digest"; then
    say "building $image" "$why"
    (cd "$root" && logged npm run --silent build)
    build $image "$digest" --build-arg NODE_IMAGE=outrigger-base/node --build-arg COMPOSE_IMAGE=outrigger-base/compose \
      --file "$root/compose/images/control-plane/Dockerfile" "$root"
  fi
}

all="llama-tiny echo digits control-plane"
for name in ${*:-$all}; do
  case $name in
    llama-tiny | control-plane) $name ;;
    echo | digits) sdk_image $name ;;
    *) fail "there is no image called $name" "these are: $all" ;;
  esac
done
images=${*:-$all}
ok "outrigger/{${images// /,}}:demo are up to date"
