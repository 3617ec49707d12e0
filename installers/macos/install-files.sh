#!/bin/sh
# Puts the files of the macOS archive in their places and starts the agent; run as root, from anywhere.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
state='/Library/Application Support/Muster'
unit=/Library/LaunchDaemons/io.muster.agent.plist

# An agent that runs goes first: launchd would start the old program again. It comes back from `bootout` before the old
# one has ended, and refuses a new one until then ("Bootstrap failed: 5").
launchctl bootout system/io.muster.agent 2>/dev/null || true
tries=0
while [ $tries -lt 30 ] && launchctl print system/io.muster.agent >/dev/null 2>&1; do
    tries=$((tries + 1))
    sleep 1
done
(umask 022 && mkdir -p /usr/local/bin /etc/muster /etc/newsyslog.d)
(umask 077 && mkdir -p "$state")
install -m 0755 -o root -g wheel "$here/muster-agent" /usr/local/bin/muster-agent
install -m 0755 -o root -g wheel "$here/uninstall.sh" /usr/local/bin/muster-agent-uninstall
install -m 0644 -o root -g wheel "$here/io.muster.agent.plist" "$unit"
install -m 0644 -o root -g wheel "$here/newsyslog.conf" /etc/newsyslog.d/muster-agent.conf
[ -e /etc/muster/agent.toml ] || install -m 0640 -o root -g wheel "$here/agent.toml" /etc/muster/agent.toml
# Also when it is no longer to be seen, for a moment: an agent that is not loaded is away until the next boot.
tries=0
until launchctl bootstrap system "$unit"; do
    tries=$((tries + 1))
    [ $tries -lt 10 ] || exit 1
    sleep 1
done
