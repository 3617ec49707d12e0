#!/bin/sh
# Installs the Muster agent on Linux or macOS, silently, and enrols it.
#
#   install.sh --from URL-OR-FOLDER [--token-file FILE] [--collector HOST:PORT]... [--label NAME=VALUE]... [--proxy URL]
#              [--version VERSION] [--public-key FILE] [--dry-run]
#
# --from names where the packages of a release lie, with SHA256SUMS and SHA256SUMS.sig beside them. The signature
# (ECDSA P-256 over SHA256SUMS) is checked with the project's key below, or with --public-key, before anything that
# was fetched is looked at; then the package's checksum. --token-file - reads the token from stdin; without the option
# it comes from the variable ENROLL_TOKEN, and without any, the agent is installed and waits for one.
#
# Run as root. Exit codes: 0 done, 1 failed, 2 wrong use, 3 system not supported, 4 download failed, 5 signature or
# checksum wrong, 6 the package manager failed, 7 the agent does not run.
#
# Everything is in functions and the last line calls them: a script that was cut off in its transfer does nothing.

set -eu

PUBLIC_KEY='@PUBLIC_KEY@'

say() { printf 'muster: %s\n' "$*" >&2; }
fail() { # fail CODE MESSAGE…
  code=$1
  shift
  say "$*"
  exit "$code"
}

usage() {
  sed -n '2,/^$/s/^# \{0,1\}//p' "$0" 2>/dev/null || say 'usage: install.sh --from URL-OR-FOLDER [--token-file FILE]'
}

read_words() {
  from='' token_file='' collectors='' labels='' proxy='' version='' key_file='' dry_run=''
  while [ $# -gt 0 ]; do
    case $1 in
      --dry-run) dry_run=1; shift; continue ;;
      -h | --help) usage; exit 0 ;;
      --from | --token-file | --collector | --label | --proxy | --version | --public-key) ;;
      *) fail 2 "$1 is unknown; --help says what there is" ;;
    esac
    [ $# -ge 2 ] || fail 2 "$1 needs a value"
    case $1 in
      --from) from=${2%/} ;;
      --token-file) token_file=$2 ;;
      --collector) check_plain "$2"; collectors="$collectors${collectors:+, }\"$2\"" ;;
      --label)
        case $2 in ?*=*) ;; *) fail 2 "--label $2: write NAME=VALUE" ;; esac
        check_plain "$2"
        labels="$labels${labels:+, }\"$2\""
        ;;
      --proxy) check_plain "$2"; proxy=$2 ;;
      --version) check_plain "$2"; version=$2 ;;
      --public-key) key_file=$2 ;;
    esac
    shift 2
  done
  [ -n "$from" ] || fail 2 '--from is missing: where do the packages lie?'
  case $from in
    https://* | /* | ./* | ../*) ;;
    *://*) fail 2 "--from $from: only https:// and folders are taken" ;;
  esac
  if [ -n "$token_file" ] && [ "$token_file" != - ] && [ ! -r "$token_file" ]; then
    fail 2 "the token file $token_file cannot be read"
  fi
}

# What goes into a configuration file between quotes must not end them.
check_plain() {
  case $1 in
    *[\"\\]* | *'
'*) fail 2 "$1: quotes, backslashes and line feeds are not taken" ;;
  esac
}

# Which package this system takes: sets kind, arch and the name's ending.
look_around() {
  system=$(uname -s) machine=$(uname -m)
  case $machine in
    x86_64 | amd64) deb_arch=amd64 rpm_arch=x86_64 ;;
    aarch64 | arm64) deb_arch=arm64 rpm_arch=aarch64 ;;
    *) fail 3 "no package for processors of kind $machine" ;;
  esac
  # Where the agent keeps its state, and a token until it has enrolled; who says how it fares; and the agent by its
  # path, since a fleet tool's PATH may hold the system's own folders alone.
  state=/var/lib/muster-agent told='journalctl -u muster-agent' agent=/usr/bin/muster-agent
  case $system in
    Darwin)
      state='/Library/Application Support/Muster' told=/var/log/muster-agent.log agent=/usr/local/bin/muster-agent
      kind=macos pattern="muster-agent-*-macos-$rpm_arch.tar.gz"
      ;;
    Linux)
      # Told by the package manager and not by the distribution's name, of which there is a new one every month.
      if have dpkg && have apt-get; then
        kind=deb pattern="muster-agent_*_$deb_arch.deb"
      elif have rpm && { have dnf || have yum || have zypper; }; then
        kind=rpm pattern="muster-agent-*.$rpm_arch.rpm"
      else
        fail 3 'this Linux has neither apt nor dnf, yum or zypper'
      fi
      have systemctl || fail 3 'this Linux has no systemd, which runs the agent'
      ;;
    *) fail 3 "$system is not supported: there are packages for Linux and macOS" ;;
  esac
}

have() { command -v "$1" >/dev/null 2>&1; }

fetch() { # fetch NAME INTO
  case $from in
    https://*)
      if have curl; then
        curl --fail --silent --show-error --location --proto '=https' --proto-redir '=https' --retry 3 \
          --max-filesize 104857600 ${proxy:+--proxy "$proxy"} --output "$2" "$from/$1" ||
          fail 4 "$from/$1 cannot be fetched"
      elif have wget; then
        https_proxy=${proxy:-${https_proxy:-}} wget --quiet --https-only --tries=3 --output-document="$2" "$from/$1" ||
          fail 4 "$from/$1 cannot be fetched"
      else
        fail 4 'neither curl nor wget is there to fetch the package'
      fi
      ;;
    *) cp "$from/$1" "$2" 2>/dev/null || fail 4 "$from/$1 is not there" ;;
  esac
}

# Nothing that was fetched is believed before this.
check_signature() {
  have openssl || fail 5 'openssl is not there to check the signature: install it, or verify and install the package by hand'
  if [ -n "$key_file" ]; then
    cp "$key_file" "$work/key.pem" || fail 2 "the public key $key_file cannot be read"
  else
    case $PUBLIC_KEY in
      *'BEGIN PUBLIC KEY'*) printf '%s\n' "$PUBLIC_KEY" >"$work/key.pem" ;;
      *) fail 5 'this script was not made by a release and knows no key: name one with --public-key' ;;
    esac
  fi
  openssl dgst -sha256 -verify "$work/key.pem" -signature "$work/SHA256SUMS.sig" "$work/SHA256SUMS" >/dev/null 2>&1 ||
    fail 5 'the signature of SHA256SUMS is wrong: these are not the packages that were released'
}

# The package's name in the list that was signed: the one of the version that was asked for, or the only one.
choose() {
  names=''
  while read -r _ name; do
    name=${name#\*}
    # shellcheck disable=SC2254 # a pattern, and meant as one
    case $name in
      $pattern)
        case $name in
          *[!A-Za-z0-9._~+-]*) fail 5 'SHA256SUMS holds a name that no package has' ;;
        esac
        if [ -z "$version" ]; then
          names="$names$name "
        else
          case $name in
            # With its revision as well, after which rpm's names go on with a dot.
            muster-agent?"$version"[-_]* | muster-agent-"$version"."$rpm_arch".rpm) names="$names$name " ;;
          esac
        fi
        ;;
    esac
  done <"$work/SHA256SUMS"
  # shellcheck disable=SC2086 # one word a name
  set -- $names
  [ $# -ge 1 ] || fail 3 "$from has no package ${version:+of version $version }for $system on $machine"
  [ $# -eq 1 ] || fail 2 "$from has several versions; name one with --version: $*"
  package=$1
}

check_sum() {
  expected=$(awk -v name="$package" '{ sub(/^\*/, "", $2) } $2 == name { print $1 }' "$work/SHA256SUMS")
  if have sha256sum; then
    actual=$(sha256sum "$work/$package" | cut -d' ' -f1)
  elif have shasum; then
    actual=$(shasum -a 256 "$work/$package" | cut -d' ' -f1)
  else
    actual=$(openssl dgst -sha256 "$work/$package" | sed 's/.*= *//')
  fi
  # Without a line for it there is nothing to be equal to.
  [ "$actual" = "${expected:-none}" ] ||
    fail 5 "$package is not what was signed (SHA-256 $actual): it was damaged or exchanged"
}

# The token goes from file to file, never into an argument of a program, which every user of this host could read.
take_token() {
  waiting=/etc/muster/enrolment-token
  [ "$kind" = macos ] && waiting=$state/enrolment-token
  has_token=${token_file:-${ENROLL_TOKEN:+from the environment}}
  if [ -n "$token_file" ] && [ "$token_file" != - ]; then
    keep_token <"$token_file"
  elif [ "$token_file" = - ]; then
    keep_token
  elif [ -n "${ENROLL_TOKEN:-}" ]; then
    printf '%s\n' "$ENROLL_TOKEN" | keep_token
  fi
  unset ENROLL_TOKEN
}

keep_token() {
  folder=${waiting%/*}
  # One that is there keeps its rights.
  if [ "$kind" = macos ]; then (umask 077 && mkdir -p "$folder"); else (umask 022 && mkdir -p "$folder"); fi
  (umask 077 && cat >"$waiting.new")
  if ! grep -q '^[[:space:]]*mst1\.' "$waiting.new"; then
    rm -f "$waiting.new"
    fail 2 'the enrolment token is empty, or is none: it begins with mst1.'
  fi
  mv "$waiting.new" "$waiting"
}

# Before the package: its own file then stays away. A configuration that is there is its administrator's. A proxy's
# password may stand in it: the package gives it to the agent to read, and to nobody else.
configure() {
  file=/etc/muster/agent.toml
  [ -n "$collectors$labels$proxy" ] || return 0
  if [ -e "$file" ]; then
    say "$file is there and stays as it is: --collector, --label and --proxy were not written into it"
    return 0
  fi
  (umask 022 && mkdir -p /etc/muster)
  (
    umask 077
    {
      [ -z "$collectors" ] || printf 'collectors = [%s]\n' "$collectors"
      [ -z "$labels" ] || printf 'labels = [%s]\n' "$labels"
      [ -z "$proxy" ] || printf 'proxy = "%s"\n' "$proxy"
    } >"$file"
  )
}

# Whether the rpm that was fetched is what is installed: yum of RHEL 7 calls it an error that there is nothing to do.
is_there() {
  rpm -q "$(rpm -qp --qf '%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}' "$work/$package" 2>/dev/null)" >/dev/null 2>&1
}

install_package() { # install_package [again]: also where this version is there already
  again=${1:-}
  if [ "$kind" = rpm ] && [ -z "$again" ] && is_there; then return 0; fi
  case $kind in
    # A fresh machine in a cloud updates itself first, and holds the lock for a while.
    deb)
      DEBIAN_FRONTEND=noninteractive apt-get install -q -y ${again:+--reinstall} --no-install-recommends -o DPkg::Lock::Timeout=120 \
        -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef "$work/$package" </dev/null >"$work/log" 2>&1
      ;;
    rpm)
      # What was signed is the list of checksums, which was checked: the package itself bears no signature.
      if have dnf; then
        dnf "${again:+re}install" -q -y --nogpgcheck "$work/$package" </dev/null >"$work/log" 2>&1
      elif have yum; then
        yum "${again:+re}install" -q -y --nogpgcheck "$work/$package" </dev/null >"$work/log" 2>&1
      else
        ZYPP_LOCK_TIMEOUT=120 zypper --quiet --non-interactive --no-gpg-checks install ${again:+--force} --allow-unsigned-rpm "$work/$package" \
          </dev/null >"$work/log" 2>&1
      fi
      ;;
    macos)
      mkdir "$work/tree" && tar -xzf "$work/$package" -C "$work/tree" >"$work/log" 2>&1 &&
        sh "$work/tree/install-files.sh" >>"$work/log" 2>&1
      ;;
  esac || {
    tail -n 20 "$work/log" >&2
    if [ -n "$has_token" ] && [ -e "$waiting" ]; then
      # Nobody is there to use it up, and whoever tries again brings it again.
      rm -f "$waiting"
      say "the token is deleted from $waiting"
    fi
    fail 6 "the package cannot be installed; what was said is above"
  }
}

# A package manager does nothing for a version that is there already, so that nobody takes the token.
hand_over() {
  if [ "$kind" = macos ] || [ ! -e "$waiting" ]; then return 0; fi
  if [ -e "$state/identity.json" ]; then
    # A host that is an agent already stays the one that it is.
    rm -f "$waiting"
    return 0
  fi
  install_package again
  [ ! -e "$waiting" ] || fail 6 "the package did not take the token from $waiting: delete it there, or run muster-agent enroll"
  systemctl start muster-agent.service || say 'the agent cannot be started: systemctl status muster-agent says why'
}

# Seconds, and not for ever: a collector that is away is no failure of the installation.
wait_for_agent() {
  [ -z "$dry_run" ] || return 0
  tries=0
  while [ $tries -lt 15 ]; do
    if "$agent" status >"$work/status" 2>&1; then
      say 'the agent runs'
      cat "$work/status"
      return 0
    fi
    tries=$((tries + 1))
    sleep 1
  done
  if grep -q 'not enrolled' "$work/status"; then
    if [ -e "$state/enrolment-token" ]; then
      fail 7 "the agent could not enrol yet and tries once a minute: $told says why"
    fi
    [ -z "$has_token" ] || fail 7 "the agent did not enrol, and the token is deleted: $told says why"
    say 'the agent is installed and not enrolled: it waits for a token'
    return 0
  fi
  cat "$work/status" >&2
  fail 7 'the agent does not run: muster-agent check says why'
}

main() {
  read_words "$@"
  look_around
  [ -n "$dry_run" ] || [ "$(id -u)" -eq 0 ] || fail 2 'run this as root, for instance with sudo'
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  fetch SHA256SUMS "$work/SHA256SUMS"
  fetch SHA256SUMS.sig "$work/SHA256SUMS.sig"
  check_signature
  choose
  fetch "$package" "$work/$package"
  check_sum
  # apt reads it as a user of its own.
  chmod 755 "$work"
  chmod 644 "$work/$package"
  say "$package is what was released"
  if [ -n "$dry_run" ]; then
    say 'nothing was installed (--dry-run)'
    return 0
  fi
  take_token
  configure
  install_package
  hand_over
  wait_for_agent
}

main "$@"
