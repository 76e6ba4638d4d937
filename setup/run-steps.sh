#!/usr/bin/env bash
# run-steps.sh STEP...: runs set-up steps in order, one set-up at a time for each user. A step may be given words of its own:
# "base-images python" makes no other base image.
step=setup
. "$(dirname -- "${BASH_SOURCE[0]}")/say.sh"

if command -v flock >/dev/null; then
  exec 9>"$cache/setup.lock"
  flock --nonblock 9 || {
    say "waiting for another set-up of this user" "two at once would build the same things twice"
    flock --timeout 1800 9 || fail "the other set-up is not done after 30 minutes" "look for a hanging setup/run-steps.sh"
  }
fi

for wanted in "$@"; do
  # What a step leaves running (dockerd) must not hold the lock.
  read -r -a words <<<"$wanted"
  bash "$root/setup/${words[0]}.sh" "${words[@]:1}" 9>&-
done
