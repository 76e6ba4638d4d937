# What the steps that make images share. Sourced after say.sh.

# Every image that set-up makes from files carries a digest of them, so that it is made again only when one has changed.
inputs_label=dev.outrigger.inputs

# inputs_digest PATH...: prints one digest of the names and contents of all files at those paths, relative to the root.
inputs_digest() {
  (cd "$root" && find "$@" \
    \( -name node_modules -o -name .venv -o -name __pycache__ -o -name '.*_cache' -o -name '*.egg-info' \
    -o -path '*/examples/digits/model' \) -prune \
    -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c 1-32)
}

# label_of IMAGE: prints the digest that an image was made from; fails when there is no such image.
label_of() {
  docker image inspect --format "{{index .Config.Labels \"$inputs_label\"}}" "$1" 2>/dev/null
}

# build IMAGE DIGEST ARGUMENT...: docker build, labelled, with what the machine needs to reach package registries.
build() {
  local image=$1 digest=$2 index registry proxy previous
  shift 2
  local arguments=(--tag "$image" --label "$inputs_label=$digest" --force-rm)
  # A private package index is this machine's affair: it is handed to the build, and stands in no file.
  index=$(python3 -m pip config get global.index-url 2>/dev/null || true)
  index="${PIP_INDEX_URL:-$index}"
  [ -z "$index" ] || arguments+=(--build-arg "PIP_INDEX_URL=$index")
  registry=$(npm config get registry 2>/dev/null || true)
  # Only one of this machine's own: what npm itself would take stands in no build argument.
  [ -z "$registry" ] || [ "$registry" = undefined ] ||
    [ "$registry" = "$(env -u NPM_CONFIG_REGISTRY -u npm_config_registry npm config get registry --userconfig /dev/null --globalconfig /dev/null 2>/dev/null)" ] ||
    arguments+=(--build-arg "NPM_CONFIG_REGISTRY=$registry")
  for proxy in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!proxy:-}" ] || arguments+=(--build-arg "$proxy=${!proxy}")
  done
  previous=$(docker image inspect --format '{{.Id}}' "$image" 2>/dev/null || true)
  logged docker build "${arguments[@]}" "$@"
  # What the name stood for before; it stays where a container still uses it, or where it is the same image.
  [ -z "$previous" ] || [ -n "$(docker image inspect --format '{{range .RepoTags}}{{.}}{{end}}' "$previous")" ] ||
    docker image rm "$previous" >/dev/null 2>&1 || true
}
