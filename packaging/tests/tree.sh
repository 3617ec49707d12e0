# A Debian tree that systemd runs in, for the packages' tests, to be sourced: `kind` and `work` are set before.
#
# `make_tree NAME PACKAGE…` makes one by debootstrap, once, and keeps it in target/packages; `boot_tree NAME [OPTION…]`
# boots a copy in $work/root. `inside` runs a command of the tree in it, `beside` one of this machine in its network.
# shellcheck disable=SC2154 # of whoever sources this
: "$kind" "$work"
trees=${CARGO_TARGET_DIR:-$PWD/target}/packages
checks=0 nspawn='' leader=''
root=$work/root

say() { printf 'test-%s: %s\n' "$kind" "$*" >&2; }
check() { # check WHAT COMMAND…
  local what=$1
  shift
  if "$@" >"$work/said" 2>&1; then
    checks=$((checks + 1))
    say "ok      $what"
  else
    say "FAILED  $what"
    cat "$work/said" >&2
    exit 1
  fi
}
not() { ! "$@"; }
is() { [ "$1" = "$2" ] || { echo "$1 is not $2"; false; }; }
wait_until() { # wait_until SECONDS COMMAND…
  local left=$(($1 * 5))
  shift
  until "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    [ $left -gt 0 ] || { "$@"; return 1; }
    sleep 0.2
  done
}

inside() { nsenter --target "$leader" --mount --uts --ipc --pid --net --cgroup --root --wd -- "$@"; }
beside() { nsenter --target "$leader" --net -- "$@"; }
mode() { inside stat -c '%a %U:%G' "$1"; }
# What is there besides what changes by itself.
list_files() {
  inside sh -c 'find / -xdev -path /proc -prune -o -path /sys -prune -o -path /run -prune -o -path /var/log -prune -o -print | sort'
}

needs_root() {
  [ "$(id -u)" -eq 0 ] || { say 'needs root, to make a tree and run systemd in it'; exit 2; }
  for program in debootstrap systemd-nspawn nsenter curl jq; do
    command -v $program >/dev/null || { say "needs $program: run scripts/bootstrap.sh packages"; exit 2; }
  done
}

make_tree() { # make_tree NAME PACKAGE…
  local base=$trees/$1 packages
  shift
  [ ! -e "$base/etc/debian_version" ] || return 0
  say 'making a Debian tree (once)'
  packages=$(IFS=, && echo "$*")
  mkdir -p "$trees"
  rm -rf "$base.new"
  debootstrap --variant=minbase --include="systemd,systemd-sysv,dbus,rpm,ca-certificates${packages:+,$packages}" bookworm "$base.new" \
    >"$trees/debootstrap.log" 2>&1
  rm -rf "$base" && mv "$base.new" "$base"
}

boot_tree() { # boot_tree NAME [OPTION…]
  cp -a "$trees/$1" "$root"
  shift
  spawn "$@" >"$work/boot.log" 2>&1 &
  nspawn=$!
  for _ in $(seq 150); do
    leader=$(pgrep -P "$nspawn" | head -n 1 || true)
    if [ -n "$leader" ] && inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; then break; fi
    sleep 0.2
  done
  check 'systemd runs in the tree' inside systemctl show --property=Version
}

# Where the machine's own first process is no systemd, its control groups have to be given away by hand.
spawn() {
  for controller in systemd unified pids memory; do
    [ -d /sys/fs/cgroup/$controller ] || continue
    mkdir -p "/sys/fs/cgroup/$controller/muster-packages"
    echo "$BASHPID" >"/sys/fs/cgroup/$controller/muster-packages/cgroup.procs" 2>/dev/null || true
  done
  exec systemd-nspawn --quiet -D "$root" --register=no --keep-unit --link-journal=no "$@" --boot </dev/null
}

end_tree() {
  if [ -n "$nspawn" ]; then kill "$nspawn" 2>/dev/null || true; wait "$nspawn" 2>/dev/null || true; fi
}

# What an rpm requires is in the tree, but by dpkg: its packages are made known to rpm by the names of an rpm distribution,
# with the files by which others ask for them, and nothing is put in place. packaging/tests/families.sh has more families.
know_the_tree() {
  # shellcheck disable=SC2154 # whoever sources this has them
  packaging/tests/families.sh --stand-ins redhat "$work/stand-ins" "$first" "$second"
  cp -r "$work/stand-ins" "$root/stand-ins"
  # Debian's rpm has its database in root's home, its zypper where every distribution has it.
  inside sh -c 'mkdir -p /etc/rpm && echo "%_dbpath /var/lib/rpm" >/etc/rpm/macros'
  inside sh -c 'rpm --install --justdb --noscripts /stand-ins/*.rpm && rm -r /stand-ins' >"$work/said" 2>&1 || { cat "$work/said" >&2; return 1; }
}
