# Distribution packages: installed for the machine, or one file of another suite for this user alone. Sourced after say.sh.

# need_root WHAT: ends the step where this user is not root and sudo would ask. Comes before as_root, whose output may be hidden.
need_root() {
  [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null ||
    fail "root is needed for $1" "run 'make setup' once as root or with passwordless sudo, or do that yourself"
}

# as_root COMMAND...: as it is for root, through sudo otherwise.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# install_packages NAME...: installs distribution packages, and reads the package lists first where that is needed.
install_packages() {
  command -v apt-get >/dev/null ||
    fail "this machine has no apt-get, so '$*' cannot be installed here" "install $* with this machine's own package manager, then run make setup again"
  need_root "installing the packages $*"
  if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" \
    >"$cache/logs/$step.log" 2>&1 </dev/null; then
    logged as_root apt-get update
    logged as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
  fi
}

# debian_mirror: prints the address that this machine's own apt configuration uses for Debian's main archive.
debian_mirror() {
  local codename mirror
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  mirror=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk -v codename="$codename" '$2 == "main" && ($1 == codename || $1 == "stable") { print $3; exit }')
  [ -n "$mirror" ] ||
    fail "no apt source of this machine offers '$codename main'" "install the part named above yourself (see docs/setup.md), then run make setup again"
  echo "$mirror"
}

# unpack_from_suite SUITE PACKAGE FOLDER: unpacks one package of another Debian suite into a folder.
# apt gets a state, a cache and a source of its own for it, so that neither the machine's package lists nor its choice of
# versions is touched, and no root is needed.
unpack_from_suite() {
  local suite=$1 package=$2 folder=$3 mirror state keyring
  command -v apt-get >/dev/null && [ -r /etc/debian_version ] ||
    fail "only Debian's archive offers $package here" "install $package yourself (see docs/setup.md), then run make setup again"
  mirror=$(debian_mirror)
  state=$(mktemp -d)
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [signed-by=$keyring] $mirror $suite main" >"$state/sources.list"
  local options=(
    -o "Dir::State=$state" -o "Dir::State::lists=$state/lists" -o Dir::State::status=/dev/null
    -o "Dir::Cache=$state/cache"
    -o "Dir::Etc::sourcelist=$state/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
    # Only the list of packages is of interest, and nobody's post-update hooks.
    -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
    -o APT::Sandbox::User=
  )
  logged apt-get "${options[@]}" update
  (cd "$state" && logged apt-get "${options[@]}" download "$package/$suite")
  rm -rf "$folder"
  mkdir -p "$folder"
  logged dpkg-deb -x "$state"/*.deb "$folder"
  rm -rf "$state"
}
