# Makes a minimal Debian image out of packages, where no image registry answers. Sourced after say.sh, packages.sh, images.sh.

bootstrapped=
trap '[ -z "$bootstrapped" ] || as_root rm -rf "$bootstrapped"' EXIT

# bootstrap_debian IMAGE SUITE DIGEST
bootstrap_debian() {
  local mirror bundle inside=/usr/local/share/host-certificates.crt variable changes=()
  if ! command -v debootstrap >/dev/null; then
    say "installing debootstrap" "it makes a Debian image out of packages"
    install_packages debootstrap
  fi
  say "building $1 with debootstrap" "a minimal Debian to start images from"
  mirror=$(debian_mirror)
  # Not in TMPDIR: that may be mounted nodev or noexec, or have spaces in its name.
  bootstrapped=$(as_root mktemp -d /var/tmp/outrigger-debian.XXXXXX)
  logged as_root debootstrap --variant=minbase "$2" "$bootstrapped" "$mirror"

  # What nobody reads in a container is neither kept now nor unpacked later.
  printf 'path-exclude=%s\n' '/usr/share/doc/*' '/usr/share/man/*' '/usr/share/locale/*' |
    as_root tee "$bootstrapped/etc/dpkg/dpkg.cfg.d/50smaller" >/dev/null
  # A layer that is half written when the machine stops is thrown away: dpkg need not wait for the disk after each file.
  echo force-unsafe-io | as_root tee "$bootstrapped/etc/dpkg/dpkg.cfg.d/50faster" >/dev/null
  # The image's apt reaches the same mirror in the same way as this machine's: through its proxies, and without minding the
  # dates of a mirror that is a snapshot if this machine's does not.
  apt-config dump | { grep -E '^Acquire::(Check-Valid-Until|Check-Date|https?::.*Proxy) ' || true; } |
    as_root tee "$bootstrapped/etc/apt/apt.conf.d/50host" >/dev/null
  # This machine may trust an authority of its own (a company's proxy). Its bundle lies beside the image's own, where no
  # package's update writes over it.
  bundle="${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}"
  if [ -r "$bundle" ]; then
    as_root install -m 644 "$bundle" "$bootstrapped$inside"
    for variable in SSL_CERT_FILE PIP_CERT REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS NPM_CONFIG_CAFILE; do
      changes+=(--change "ENV $variable=$inside")
    done
  fi

  as_root tar -C "$bootstrapped" --numeric-owner \
    --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' --exclude='./usr/share/doc/*' \
    --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' --exclude='./dev/*' --exclude='./proc/*' \
    --exclude='./sys/*' -c . |
    docker import "${changes[@]}" --change 'ENV DEBIAN_FRONTEND=noninteractive' --change 'CMD ["bash"]' \
      --change "LABEL $inputs_label=$3" - "$1" >"$cache/logs/$step.log"
  as_root rm -rf "$bootstrapped"
  bootstrapped=
}
