#!/usr/bin/env bash
# The OpenSSH client, by which engines on other machines are reached, and which the tests of that need.
step=ssh
. "$(dirname -- "${BASH_SOURCE[0]}")/say.sh"
. "$root/setup/packages.sh"

command -v ssh >/dev/null && command -v ssh-keyscan >/dev/null || {
  say "installing openssh-client" "ssh:// engines are reached by the user's own ssh"
  install_packages openssh-client
}
ok "$(ssh -V 2>&1 | cut -d ' ' -f 1) is there"
