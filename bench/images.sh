#!/usr/bin/env bash
# The images that the benchmarks start, each made again only when what it is made from changed.
step=bench
. "$(dirname -- "${BASH_SOURCE[0]}")/../setup/say.sh"
. "$root/setup/images.sh"

digest=$(inputs_digest bench/images)
for target in echo proxies tiny; do
  image=outrigger-bench/$target
  if [ "$(label_of "$image" || true)" != "$digest" ]; then
    say "building $image" "it is not there, or what it is made from changed"
    build "$image" "$digest" --build-arg NODE_IMAGE=outrigger-base/node --build-arg DEBIAN_IMAGE=outrigger-base/debian:bookworm \
      --target $target "$root/bench/images"
  fi
done
ok "outrigger-bench/{echo,proxies,tiny} are up to date"
