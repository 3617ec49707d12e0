#!/usr/bin/env bash
# Installs, upgrades and removes the agent's package in a Debian tree that systemd runs in, against a real collector.
#
#   packaging/tests/linux.sh deb|rpm FIRST SECOND       the packages of two versions
#
# As root. The tree is made by debootstrap once and kept in target/packages; each run has a copy of it. The rpm goes
# into the same tree, by rpm and its database, which knows what the tree has by the names of an rpm distribution: what
# the package requires is resolved. No tree of such a distribution is needed, and none is proven.
set -euo pipefail

kind=${1:?usage: packaging/tests/linux.sh deb|rpm FIRST SECOND} first=$(realpath "${2:?}") second=$(realpath "${3:?}")
cd "$(dirname "$0")/../.."
. packaging/tests/collector.sh
work=$(mktemp -d /tmp/muster-packages.XXXXXX)
chmod 755 "$work"
. packaging/tests/tree.sh
needs_root
end() {
  local code=$?
  trap - EXIT
  if [ $code -ne 0 ] && [ -n "${leader:-}" ]; then
    inside journalctl --no-pager -u muster-agent -n 40 >&2 || true
  fi
  end_tree
  stop_collector
  rm -rf "$work"
  exit $code
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

case $kind in
  deb)
    make_tree tree-bookworm
    boot_tree tree-bookworm
    ;;
  rpm)
    # Debian has the package managers of rpm distributions as well.
    make_tree tree-bookworm-rpm dnf zypper
    boot_tree tree-bookworm-rpm
    ;;
esac
install -m 644 "$first" "$root/first.$kind"
install -m 644 "$second" "$root/second.$kind"
start_collector "$work"

connected() { inside muster-agent status | grep -q '(connected)'; }
has_packages() { api 'hosts?limit=1' | jq -e '.items[0].software > 50'; }
active() { [ "$(inside systemctl is-active muster-agent)" = active ]; }
agent_id() { inside muster-agent status --json | jq -r .enrolment.agent; }
main_pid() { inside systemctl show --property=MainPID --value muster-agent; }

case $kind in
  deb)
    set_up() { inside env DEBIAN_FRONTEND=noninteractive dpkg -i "/$1.deb"; }
    # shellcheck disable=SC2016 # dpkg's own variable
    inside_version() { inside dpkg-query -W -f '${Version}' muster-agent; }
    version_of() { inside dpkg-deb -f "/$1.deb" Version; }
    ;;
  rpm)
    know_the_tree
    set_up() { inside rpm --upgrade "/$1.rpm"; }
    inside_version() { inside rpm -q --qf '%{VERSION}-%{RELEASE}' muster-agent; }
    version_of() { inside rpm -qp --qf '%{VERSION}-%{RELEASE}' "/$1.rpm"; }
    ;;
esac

# What the unit refuses must not be wanted by anybody: here it ends the agent, so that it is seen.
inside sh -c 'mkdir -p /etc/systemd/system/muster-agent.service.d && printf "[Service]\nSystemCallErrorNumber=kill\n" >/etc/systemd/system/muster-agent.service.d/strict.conf'
list_files >"$work/before"

# Installed first without a token: nothing runs, and nothing has failed.
check 'installs without a token' set_up first
check 'no unit has failed' is "$(inside systemctl is-failed muster-agent || true)" inactive
check 'the unit is enabled' is "$(inside systemctl is-enabled muster-agent)" enabled
check 'the user has no shell' inside grep -q '^muster-agent:.*nologin$' /etc/passwd
inside install -m 600 /dev/null /etc/muster/enrolment-token
# shellcheck disable=SC2154 # start_collector's
inside sh -c 'cat >/etc/muster/enrolment-token' <"$token"
# The same package again, as a fleet tool that brings the token later would do it.
case $kind in
  deb) check 'takes a token that comes later' inside dpkg-reconfigure -fnoninteractive muster-agent ;;
  rpm) check 'takes a token that comes later' inside rpm --reinstall /first.rpm ;;
esac
check 'the agent enrols and connects' wait_until 30 connected
check 'its inventory is stored' wait_until 30 has_packages
check 'the token is gone from /etc' not inside test -e /etc/muster/enrolment-token
check 'the token is gone from the state' not inside test -e /var/lib/muster-agent/enrolment-token
check 'the token is in no log' not inside sh -c 'journalctl --no-pager | grep -q mst1'
check 'the agent runs as its user' is "$(inside ps -o user= -p "$(main_pid)" 2>/dev/null || inside stat -c %U "/proc/$(main_pid)")" muster-agent
check 'its state is its own' is "$(mode /var/lib/muster-agent)" '700 muster-agent:muster-agent'
check 'its key is its own' is "$(mode /var/lib/muster-agent/identity.json)" '600 muster-agent:muster-agent'
check 'the configuration is closed to others' is "$(mode /etc/muster/agent.toml)" '640 root:muster-agent'
check 'the configuration is right' inside muster-agent check
# A proxy's password in the file, with the rights that the package gave it: for the service and for root.
inside cp -a /etc/muster/agent.toml /etc/muster/agent.toml.before
inside sh -c 'echo "proxy = \"http://agent:word@127.0.0.1:9\"" >>/etc/muster/agent.toml'
check 'a password in the configuration is taken' inside muster-agent status
inside systemctl restart muster-agent
check 'the agent takes it as well' wait_until 30 connected
inside mv /etc/muster/agent.toml.before /etc/muster/agent.toml
inside systemctl restart muster-agent
check 'the agent is back without it' wait_until 30 connected
check 'it may read below the homes of others' sh -c "grep -q '^CapEff:[[:space:]]*0*4$' /proc/$leader/root/proc/$(main_pid)/status"
inside muster-agent diagnostics >"$work/bundle"
check 'diagnostics say how the agent stands' grep -q '"state": "connected"' "$work/bundle"
check 'diagnostics hold its log' grep -q 'runs as agent' "$work/bundle"
check 'diagnostics hold no token' not grep -q 'mst1\.' "$work/bundle"
check 'diagnostics hold no key' not grep -qF "$(inside cat /var/lib/muster-agent/identity.json | jq -r '.key[0:40]')" "$work/bundle"

agent=$(agent_id) pid=$(main_pid)
kib() { awk -v name="$1:" '$1 == name { print $2 }' "/proc/$leader/root/proc/$pid/status"; }
check 'it has no more memory than its budget' test "$(kib VmRSS)" -le $((6 * 1024)) -a "$(kib VmHWM)" -le $((16 * 1024))
say "        $(kib VmRSS) KiB of memory, $(kib VmHWM) KiB at its peak, $(stat -c %s "$root/usr/bin/muster-agent") bytes of program"
inside sh -c 'echo "log_level = \"debug\"" >>/etc/muster/agent.toml'
check 'upgrades' set_up second
check 'the version is the second one' is "$(inside_version)" "$(version_of second)"
check 'runs again after the upgrade' wait_until 30 connected
check 'is another process' not is "$(main_pid)" "$pid"
check 'is the same agent' is "$(agent_id)" "$agent"
check 'keeps the configuration' inside grep -q '^log_level = "debug"' /etc/muster/agent.toml
check 'is one host to the collector' is "$(api 'hosts' | jq '.items | length')" 1

inside systemd-analyze --no-pager security muster-agent | tail -n 1 >&2 || true
check 'no system call was refused' not inside sh -c 'journalctl --no-pager -u muster-agent | grep -q status=31'
check 'the unit is well formed' inside systemd-analyze verify --man=no /usr/lib/systemd/system/muster-agent.service

gone() { api "hosts/$agent" | jq -e '.uninstalled_at != null'; }
case $kind in
  deb)
    check 'is removed' inside dpkg --remove muster-agent
    check 'no agent runs' not active
    check 'the collector knows' wait_until 20 gone
    check 'the configuration stays' inside test -e /etc/muster/agent.toml
    check 'the key is gone' not inside test -e /var/lib/muster-agent/identity.json
    check 'is purged' inside dpkg --purge muster-agent
    ;;
  rpm)
    check 'is removed' inside rpm --erase muster-agent
    check 'no agent runs' not active
    check 'the collector knows' wait_until 20 gone
    check 'what was configured is kept aside' inside test -e /etc/muster/agent.toml.rpmsave
    inside rm -rf /etc/muster
    ;;
esac
list_files >"$work/after"
# /usr/share/licenses is every rpm distribution's and not the package's.
left() { comm -13 "$work/before" "$work/after" | grep -vE '^/(etc/(passwd|group|shadow|gshadow)-$|var/(lib/(dpkg|rpm|systemd|apt|dnf|zypp)|cache|tmp)|tmp|etc/\.pwd|usr/lib/sysimage|usr/share/licenses$)' || true; }
check 'nothing is left' is "$(left)" ''
[ "$kind" = rpm ] || check 'the user is gone' not inside grep -q '^muster-agent:' /etc/passwd

# The same by the script that people call, where it lies beside the package.
release=$(dirname "$first")
bare_script() { inside sh /release/install.sh --from /release "$@"; }
if [ "$kind" = rpm ] && [ -e "$release/SHA256SUMS.sig" ]; then
  cp -r "$release" "$root/release"
  install -m 600 "$token" "$root/token"
  # The script takes the first package manager that it finds.
  inside mv /usr/bin/apt-get /usr/bin/apt-get.away
  for manager in dnf zypper; do
    check "$manager: the script installs without a token" bare_script
    check "$manager: without one there is no agent" not inside test -e /var/lib/muster-agent/identity.json
    check "$manager: the script brings the token to the package that is there" bare_script --token-file /token
    check "$manager: the agent with the later token is connected" wait_until 30 connected
    check "$manager: no token is left in /etc" not inside test -e /etc/muster/enrolment-token
    agent=$(agent_id)
    check "$manager: the script may come twice" bare_script
    # As docs/INSTALL.md has it, without a terminal to ask at.
    case $manager in
      dnf) check 'dnf: upgrades' inside dnf install -y /second.rpm ;;
      zypper) check 'zypper: upgrades' inside zypper --non-interactive install --allow-unsigned-rpm /second.rpm ;;
    esac
    check "$manager: the version is the second one" is "$(inside_version)" "$(version_of second)"
    check "$manager: the agent is back" wait_until 30 connected
    check "$manager: and stays who it is" is "$(agent_id)" "$agent"
    case $manager in
      dnf) check 'dnf: is removed' inside dnf remove -y muster-agent ;;
      zypper) check 'zypper: is removed' inside zypper --non-interactive remove muster-agent ;;
    esac
    check "$manager: the collector knows" wait_until 20 gone
    check "$manager: no key is left" not inside test -e /var/lib/muster-agent/identity.json
    inside rm -rf /etc/muster
    [ $manager = zypper ] || inside mv "/usr/bin/$manager" "/usr/bin/$manager.away"
  done
fi
if [ "$kind" = deb ] && [ -e "$release/SHA256SUMS.sig" ]; then
  cp -r "$release" "$root/release"
  install -m 600 "$token" "$root/token"
  # shellcheck disable=SC2154 # start_collector's
  by_script() { inside sh /release/install.sh --from /release --token-file /token --collector "127.0.0.1:$agents_port" "$@"; }
  check 'the script refuses what is not signed' not by_script --public-key /etc/hostname
  check 'refused, it leaves nothing' not inside test -e /etc/muster
  check 'the script installs, enrols and says so' by_script
  check 'the agent of the script is connected' wait_until 30 connected
  check 'the collector that was named is configured' inside grep -q "^collectors = \[\"127.0.0.1:$agents_port\"\]$" /etc/muster/agent.toml
  check 'the configuration is closed to others as well' is "$(mode /etc/muster/agent.toml)" '640 root:muster-agent'
  check 'the token that was named stays' inside test -s /token
  agent=$(agent_id)
  check 'the script may come twice' by_script
  check 'and the agent stays who it is' is "$(agent_id)" "$agent"
  check 'is purged again' inside dpkg --purge muster-agent
  check 'purged, it leaves no configuration' not inside test -e /etc/muster

  # First the package and the token later, as a golden image and whoever unpacks it.
  check 'the script installs without a token' bare_script
  check 'without one there is no agent' not inside test -e /var/lib/muster-agent/identity.json
  check 'the script brings the token to the package that is there' bare_script --token-file /token
  check 'the agent with the later token is connected' wait_until 30 connected
  check 'no token is left in /etc' not inside test -e /etc/muster/enrolment-token
  agent=$(agent_id)
  check 'the script brings a token to an agent' bare_script --token-file /token
  check 'it stays the agent that it is' is "$(agent_id)" "$agent"
  check 'that token is not left either' not inside test -e /etc/muster/enrolment-token
  # A collector that takes the connection and says nothing keeps the farewell until it is ended.
  kill -STOP "$collector_pid"
  check 'is removed while the collector hangs' inside dpkg --remove muster-agent
  kill -CONT "$collector_pid"
  check 'the key is gone all the same' not inside test -e /var/lib/muster-agent/identity.json
  check 'is purged once more' inside dpkg --purge muster-agent
fi
say "$checks checks passed"
