#!/usr/bin/env bash
# Puts the real agent and a real collector into two network namespaces, between which every packet passes
# through a bad network, and measures how long the first report takes to be acknowledged on each.
#
#   scripts/network.sh [ROW…]
#
# Prints one JSON object a row, and exits with 1 when one took too long, took another way than it says, or lost
# something. Needs root, /dev/net/tun and Python; everything that it makes is gone afterwards.
set -euo pipefail

cd "$(dirname "$0")/.."
binaries=${BINARIES:-${CARGO_TARGET_DIR:-$PWD/target}/release}

if [ "$(id -u)" -ne 0 ] || [ ! -c /dev/net/tun ]; then
  echo 'network: needs root and /dev/net/tun, to make hosts with a network of their own' >&2
  exit 2
fi
for program in ip:iproute2 psql:postgresql-client python3:python3 openssl:openssl; do
  if ! command -v "${program%:*}" >/dev/null; then
    echo "network: needs ${program%:*}: install ${program#*:}" >&2
    exit 2
  fi
done

# What is there belongs to a run that goes on, or to one that was killed.
for namespace in mnet-agent mnet-site; do
  if ip netns list | grep -q "^$namespace\b"; then
    echo "network: the namespace $namespace is there: wait for the run that has it, or remove it by ip netns delete $namespace" >&2
    exit 2
  fi
done

folder=$(mktemp -d /tmp/muster-network.XXXXXX)
end() {
  local code=$? namespace
  trap - EXIT
  for namespace in mnet-agent mnet-site; do
    if ip netns list | grep -q "^$namespace\b"; then
      ip netns pids "$namespace" | xargs -r kill -KILL 2>/dev/null || true
      ip netns delete "$namespace"
    fi
  done
  if [ $code -eq 0 ]; then rm -rf "$folder"; else echo "network: kept $folder" >&2; fi
  exit $code
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

scripts/with-postgres.sh python3 -B scripts/network.py "$binaries" "$folder" "$@"
