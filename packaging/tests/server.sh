#!/usr/bin/env bash
# Installs, upgrades under load, removes and purges the collector's package in a Debian tree that systemd runs in.
#
#   packaging/tests/server.sh deb|rpm FIRST SECOND       the packages of two versions
#
# As root. The .deb runs on a private PostgreSQL, the .rpm on the tree's own server, by its address in a file. The first
# agent is that of the agent's package beside FIRST; the load is muster-sim's, which compares every host's set in the end.
# The tree has a network of its own, so that ports are nobody else's.
set -euo pipefail

kind=${1:?usage: packaging/tests/server.sh deb|rpm FIRST SECOND} first=$(realpath "${2:?}") second=$(realpath "${3:?}")
cd "$(dirname "$0")/../.."
sim=${MUSTER_SIM:-${CARGO_TARGET_DIR:-$PWD/target}/release/muster-sim}
agent=$(find "$(dirname "$first")" -maxdepth 1 -name "muster-agent_*_$(dpkg --print-architecture).deb" | head -n 1)
work=$(mktemp -d /tmp/muster-packages.XXXXXX)
chmod 755 "$work"
. packaging/tests/tree.sh
needs_root
end() {
  local code=$?
  trap - EXIT
  if [ $code -ne 0 ] && [ -n "$leader" ]; then
    inside journalctl --no-pager -u muster-collector -n 60 >&2 || true
  fi
  end_tree
  rm -rf "$work"
  exit $code
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

make_tree tree-bookworm-postgres postgresql
boot_tree tree-bookworm-postgres --private-network
install -m 644 "$first" "$root/first.$kind"
install -m 644 "$second" "$root/second.$kind"
[ -z "$agent" ] || install -m 644 "$agent" "$root/agent.deb"

collector() { inside runuser -u muster -- muster-collector "$@"; }
ready() { [ "$(beside curl -s -o /dev/null -w '%{http_code}' --max-time 5 http://127.0.0.1:7080/readyz)" = 200 ]; }
active() { [ "$(inside systemctl is-active muster-collector)" = active ]; }
main_pid() { inside systemctl show --property=MainPID --value muster-collector; }
restarts() { inside systemctl show --property=NRestarts --value muster-collector; }
api() { beside curl -sS --fail --max-time 10 -H "Authorization: Bearer $(cat "$work/$1")" "http://127.0.0.1:7080/api/v1/$2"; }
authority() { collector authority show; }

case $kind in
  deb)
    set_up() { inside env DEBIAN_FRONTEND=noninteractive dpkg -i "/$1.deb"; }
    # shellcheck disable=SC2016 # dpkg's own variable
    inside_version() { inside dpkg-query -W -f '${Version}' muster-collector; }
    version_of() { inside dpkg-deb -f "/$1.deb" Version; }
    ;;
  rpm)
    know_the_tree
    set_up() { inside rpm --upgrade "/$1.rpm"; }
    inside_version() { inside rpm -q --qf '%{VERSION}-%{RELEASE}' muster-collector; }
    version_of() { inside rpm -qp --qf '%{VERSION}-%{RELEASE}' "/$1.rpm"; }
    ;;
esac

list_files >"$work/before"
check 'installs' set_up first
check 'the unit is enabled' is "$(inside systemctl is-enabled muster-collector)" enabled
check 'the user has no shell' inside grep -q '^muster:.*nologin$' /etc/passwd
check 'the configuration is closed to others' is "$(mode /etc/muster/collector.toml)" '640 root:muster'
if [ "$kind" = rpm ]; then
  # An external PostgreSQL: a role that is no superuser, and its address in a file that only the collector reads.
  check 'the tree has a server of its own' wait_until 60 inside runuser -u postgres -- psql -c 'SELECT 1'
  inside runuser -u postgres -- psql -q -c 'CREATE ROLE muster LOGIN CREATEROLE' -c 'CREATE DATABASE muster OWNER muster'
  inside sh -c 'umask 077 && echo "postgres:///muster?host=/var/run/postgresql&user=muster" >/etc/muster/database-url && chown muster /etc/muster/database-url'
  inside sed -i 's|^# url_file = .*|url_file = "/etc/muster/database-url"|' /etc/muster/collector.toml
  check 'is not started before its administrator says so' not active
  check 'the configuration that names a database is right' collector config check
  inside systemctl start muster-collector
fi
check 'takes reports' wait_until 60 ready
check 'has not been restarted on the way' is "$(restarts)" 0
check 'runs as its user' is "$(inside stat -c %U "/proc/$(main_pid)")" muster
check 'has no privilege' grep -qE '^CapEff:[[:space:]]*0+$' "/proc/$leader/root/proc/$(main_pid)/status"
check 'its data are its own' is "$(mode /var/lib/muster)" '700 muster:muster'
check 'its key is its own' is "$(mode /var/lib/muster/ca/ca.key)" '600 muster:muster'
case $kind in
  deb) check 'has a PostgreSQL of its own' inside test -e /var/lib/muster/postgres/data/postmaster.pid ;;
  rpm) check 'has no PostgreSQL of its own' not inside test -e /var/lib/muster/postgres ;;
esac
check 'shows the console' sh -c "nsenter --target $leader --net curl -sS --fail http://127.0.0.1:7080/ | grep -qi '<html'"
check 'the unit is well formed' inside systemd-analyze verify --man=no /usr/lib/systemd/system/muster-collector.service
# In a tree of the least there is: with a shell, and no program `kill`.
check 'reads its configuration again when asked' inside systemctl reload muster-collector
inside systemd-analyze --no-pager security muster-collector | tail -n 1 >&2 || true

# How agents reach it, and no bound for a fleet that enrols from one address.
inside sed -i -e 's|^# addresses = .*|addresses = ["127.0.0.1:7070"]|' -e 's|^# enrolments_per_minute = .*|enrolments_per_minute = 6000|' \
  /etc/muster/collector.toml
inside sh -c 'echo "# a line of the administrator" >>/etc/muster/collector.toml'
check 'the configuration that was changed is right' collector config check
inside systemctl restart muster-collector
check 'takes reports with it' wait_until 60 ready

# The first agent: the package, a token, and an inventory that the API shows.
collector company create First >/dev/null
(umask 077 && collector key create packages --company First >"$work/first-key")
if [ -n "$agent" ]; then
  inside install -d /etc/muster
  collector token create --company First | inside sh -c 'umask 077 && cat >/etc/muster/enrolment-token'
  check 'the agent of the same release installs' inside env DEBIAN_FRONTEND=noninteractive dpkg -i /agent.deb
  has_packages() { api first-key 'hosts?limit=1' | jq -e '.items[0].software > 50'; }
  check 'the first agent is in' wait_until 60 has_packages
fi

# An upgrade, with the configuration changed before, while a fleet changes all the time.
collector company create Load >/dev/null
collector token create --company Load >"$work/token"
(umask 077 && collector key create load --company Load >"$work/load-key")
before=$(authority) pid=$(main_pid)
beside "$sim" fleet --agents "${AGENTS:-50}" --apps 200 --seconds "${SECONDS_OF_LOAD:-40}" --change-every-s 2 \
  --token-file "$work/token" --api http://127.0.0.1:7080 --api-key-file "$work/load-key" \
  --verify --settle-s 180 --json >"$work/fleet" 2>"$work/fleet.log" &
fleet=$!
has_load() { api load-key 'hosts?limit=1' | jq -e '.items | length > 0'; }
check 'the fleet reports' wait_until 90 has_load
check 'upgrades under load' set_up second
check 'the version is the second one' is "$(inside_version)" "$(version_of second)"
check 'takes reports again' wait_until 60 ready
check 'is another process' not is "$(main_pid)" "$pid"
check 'restarts under load' inside systemctl restart muster-collector
check 'takes reports once more' wait_until 60 ready
check 'keeps the configuration' inside grep -q '^# a line of the administrator' /etc/muster/collector.toml
check 'keeps its authority' is "$(authority)" "$before"
code=0
wait "$fleet" || code=$?
[ "$code" -eq 0 ] || tail -n 20 "$work/fleet.log" "$work/fleet" >&2
check 'every set of the fleet is whole: nothing lost, nothing twice' is "$code" 0
say "        $(jq -c '{agents, reports_acked, reports_resent, changes, verify}' "$work/fleet" 2>/dev/null || tail -c 300 "$work/fleet")"
letters() { api load-key dead-letters | jq '.items | length'; }
check 'no letter is dead' is "$(letters)" 0
check 'systemd never had to start it by itself' is "$(restarts)" 0
# What the kernel refuses a program by the unit's filter ends in its log.
check 'no system call was refused' not inside sh -c 'journalctl --no-pager -k -u muster-collector | grep -qiE "seccomp|SIGSYS|bad system call"'

[ -z "$agent" ] || inside dpkg --purge muster-agent >/dev/null
case $kind in
  deb)
    check 'is removed' inside dpkg --remove muster-collector
    check 'no collector runs' not active
    check 'its PostgreSQL has stopped' not inside test -e /var/lib/muster/postgres/data/postmaster.pid
    check 'the data stay' inside test -e /var/lib/muster/ca/ca.key
    check 'the configuration stays' inside test -e /etc/muster/collector.toml
    check 'comes back with what it had' set_up second
    check 'takes reports as before' wait_until 60 ready
    check 'is whom agents trust' is "$(authority)" "$before"
    check 'is purged' inside dpkg --purge muster-collector
    ;;
  rpm)
    check 'is removed' inside rpm --erase muster-collector
    check 'no collector runs' not active
    check 'what was configured is kept aside' inside test -e /etc/muster/collector.toml.rpmsave
    check 'the authority stays' inside test -e /var/lib/muster/ca/ca.key
    inside rm -rf /etc/muster /var/lib/muster
    ;;
esac
list_files >"$work/after"
# /usr/share/licenses is every rpm distribution's; PostgreSQL's is the tree's.
left() { comm -13 "$work/before" "$work/after" | grep -vE '^/(etc/(passwd|group|shadow|gshadow)-$|var/(lib/(dpkg|rpm|systemd|apt|postgresql)|cache|tmp)|tmp|etc/\.pwd|usr/lib/sysimage|usr/share/licenses$)' || true; }
check 'nothing is left' is "$(left)" ''
[ "$kind" = rpm ] || check 'the user is gone' not inside grep -q '^muster:' /etc/passwd
say "$checks checks passed"
