# How every set-up step speaks, and where it keeps things. Sourced, never run.
#
# A step sets $step first, then says in one line what it does and why, or `ok` when its result is there already.

set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/outrigger"
mkdir -p "$cache/bin" "$cache/logs"

# Binaries that set-up fetched come last: whatever the machine has itself wins.
PATH="$PATH:$cache/bin"
# Debian keeps dockerd, debootstrap and iptables where an ordinary user's PATH does not look.
PATH="$PATH:/usr/sbin:/sbin"
export PATH

# say WHAT WHY: a step that changes something.
say() {
  printf '  %-9s %s: %s\n' "$step" "$1" "$2"
}

# ok WHAT: a step whose result is there already.
ok() {
  printf '  %-9s ok, %s\n' "$step" "$1"
}

# fail WHAT NEXT: what went wrong, and what the reader can do about it.
fail() {
  printf '  %-9s FAILED, %s\n            next: %s\n' "$step" "$1" "$2" >&2
  exit 1
}

# logged COMMAND...: runs it silently; its output is kept, and the end of it shown only when it failed.
logged() {
  local log="$cache/logs/$step.log"
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 25 "$log" | sed 's/^/            | /' >&2
    fail "'$*' did not succeed" "read the lines above; all of it is in $log"
  fi
}
