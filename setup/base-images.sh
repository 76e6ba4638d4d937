#!/usr/bin/env bash
# The images that all others start from. Each has one local name, outrigger-base/…, whatever it was made from: the public
# image where an image registry answers, distribution packages otherwise.
step=bases
. "$(dirname -- "${BASH_SOURCE[0]}")/say.sh"
. "$root/setup/packages.sh"
. "$root/setup/images.sh"

dockerfiles="compose/images/base"
bootstrapped=
trap '[ -z "$bootstrapped" ] || as_root rm -rf "$bootstrapped"' EXIT

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

# bootstrap_debian IMAGE SUITE: a minimal Debian out of its packages.
bootstrap_debian() {
  local mirror bundle changes=()
  if ! command -v debootstrap >/dev/null; then
    say "installing debootstrap" "it makes a Debian image out of packages"
    install_packages debootstrap
  fi
  say "building $1 with debootstrap" "a minimal Debian to start images from"
  mirror=$(debian_mirror)
  # Not in TMPDIR: that may be mounted nodev or noexec, or have spaces in its name.
  bootstrapped=$(as_root mktemp -d /var/tmp/outrigger-debian.XXXXXX)
  logged as_root debootstrap --variant=minbase "$2" "$bootstrapped" "$mirror"
  # This machine may trust an authority of its own (a company's proxy). It lies beside the image's own bundle, where no
  # package's update writes over it.
  bundle="${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}"
  if [ -r "$bundle" ]; then
    local inside=/usr/local/share/host-certificates.crt name
    as_root install -m 644 "$bundle" "$bootstrapped$inside"
    for name in SSL_CERT_FILE PIP_CERT REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS NPM_CONFIG_CAFILE; do
      changes+=(--change "ENV $name=$inside")
    done
  fi
  as_root tar -C "$bootstrapped" --numeric-owner \
    --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' --exclude='./usr/share/doc/*' \
    --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' --exclude='./dev/*' --exclude='./proc/*' \
    --exclude='./sys/*' -c . |
    docker import "${changes[@]}" --change 'ENV DEBIAN_FRONTEND=noninteractive' --change 'CMD ["bash"]' - "$1" \
      >"$cache/logs/$step.log"
  as_root rm -rf "$bootstrapped"
  bootstrapped=
}

# ensure_debian IMAGE SUITE
ensure_debian() {
  [ -z "$(docker image ls --quiet "$1")" ] || return 0
  take_public "$1" "debian:$2-slim" || bootstrap_debian "$1" "$2"
}

# current NAME: whether outrigger-base/NAME is there, and, where it was made here, is made from its Dockerfile of today.
current() {
  local label
  label=$(label_of "outrigger-base/$1") || return 1
  [ -z "$label" ] || [ "$label" = "$(inputs_digest "$dockerfiles/$1.Dockerfile")" ]
}

# build_base NAME SUITE CHECK...: builds outrigger-base/NAME and runs a command in it, to see that the binaries run there.
# Its context is what the function NAME_context put into $context.
build_base() {
  local name=$1 suite=$2 context
  shift 2
  ensure_debian "outrigger-base/debian:$suite" "$suite"
  say "building outrigger-base/$name" "images of services start from it"
  context=$(mktemp -d)
  "${name}_context" "$context"
  build "outrigger-base/$name" "$(inputs_digest "$dockerfiles/$name.Dockerfile")" \
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

# ensure NAME PUBLIC SUITE CHECK...
ensure() {
  local name=$1 public=$2 suite=$3
  shift 3
  current "$name" || take_public "outrigger-base/$name" "$public" || build_base "$name" "$suite" "$@"
}

ensure_debian outrigger-base/debian:bookworm bookworm
ensure python python:3.12-slim bookworm python -m pip --version
ensure node node:24-bookworm-slim bookworm node --version
ensure consul hashicorp/consul:1.22 bookworm consul version
ensure llama ghcr.io/ggml-org/llama.cpp:server sid llama-server --version
ok "outrigger-base/{debian,python,node,consul,llama} are there"
