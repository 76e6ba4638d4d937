#!/usr/bin/env bash
# A Docker Engine that answers: the one that is there, wherever DOCKER_HOST or the Docker context points; otherwise the
# distribution's, started here where no init system does it.
step=docker
. "$(dirname -- "${BASH_SOURCE[0]}")/say.sh"
. "$root/setup/packages.sh"

socket=/var/run/docker.sock
log="$cache/logs/dockerd.log"

engine_answers() {
  timeout 10 docker version --format '{{.Server.Version}}' 2>"$cache/logs/docker-version.log"
}

# remove_stale_pid_file FILE PROGRAM: a killed dockerd leaves the files of itself and its containerd behind. Where another
# process has that number by now, or the dead one still waits for its parent to take note, dockerd believes that its
# predecessor is alive and refuses to start.
remove_stale_pid_file() {
  local pid state
  [ -f "$1" ] || return 0
  pid=$(cat "$1")
  state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null || true)
  if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != "$2" ] || [ "${state:0:1}" = Z ]; then
    as_root rm -f "$1"
  fi
}

start_dockerd() {
  remove_stale_pid_file /var/run/docker.pid dockerd
  remove_stale_pid_file /var/run/docker/containerd/containerd.pid containerd
  remove_stale_pid_file /var/run/docker/containerd/docker-containerd.pid containerd
  # A session of its own, so that dockerd outlives the terminal and the make that started it.
  as_root setsid --fork dockerd >"$log" 2>&1 </dev/null
  # Gives setsid's child the time to become dockerd, so that its absence means its end.
  sleep 0.3
}

# process_lives PROGRAM: a dead process that its parent has not taken note of does not count.
process_lives() {
  cat /proc/[0-9]*/status 2>/dev/null |
    awk -v name="$1" '$1 == "Name:" { n = $2 } $1 == "State:" && n == name && $2 != "Z" { found = 1 } END { exit !found }'
}

# dockerd_gave_up: whether the dockerd that this step started has ended. Its log is that of this run alone.
dockerd_gave_up() {
  [ -f "$log" ] || return 1
  ! process_lives dockerd
}

wait_for_engine() {
  local deadline=$((SECONDS + 60))
  until engine_answers >/dev/null; do
    if [ "$SECONDS" -ge "$deadline" ] || dockerd_gave_up; then
      [ ! -s "$log" ] || tail -n 20 "$log" | sed 's/^/            | /' >&2
      sed 's/^/            | /' "$cache/logs/docker-version.log" >&2
      fail "the Docker Engine does not start, or did not answer within 60 s" "read the lines above (all of it: $log, or journalctl -u docker)"
    fi
    sleep 0.3
  done
}

if command -v docker >/dev/null && version=$(engine_answers); then
  ok "Docker Engine $version answers"
  exit 0
fi

# Someone else's engine is not ours to install or start.
context=$(docker context show 2>/dev/null || echo default)
if [ -n "${DOCKER_HOST:-}" ] && [ "$DOCKER_HOST" != "unix://$socket" ] || [ "$context" != default ]; then
  sed 's/^/            | /' "$cache/logs/docker-version.log" >&2
  fail "the Docker Engine of ${DOCKER_HOST:-context $context} does not answer" \
    "start it, or unset DOCKER_HOST / choose another context to use this machine's own engine"
fi

if [ -S "$socket" ] && [ ! -w "$socket" ]; then
  fail "this user may not open $socket" "add the user to the group 'docker' (sudo usermod -aG docker $(id -un)) and log in again"
fi

if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then
  say "installing docker.io and iptables" "services run in containers, and dockerd needs iptables for their networks"
  install_packages docker.io iptables
fi

rm -f "$log"
if ! engine_answers >/dev/null; then
  need_root "starting the Docker Engine"
  if [ -d /run/systemd/system ]; then
    say "starting the docker unit" "the engine is installed and does not run"
    logged as_root systemctl start docker
  else
    say "starting dockerd" "the engine does not run, and no init system would start it here (log: $log)"
    start_dockerd
  fi
fi
wait_for_engine
ok "Docker Engine $(engine_answers) answers"
