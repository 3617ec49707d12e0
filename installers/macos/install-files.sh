#!/bin/sh
# Puts the files of the macOS archive in their places and starts the agent; run as root, from anywhere.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
state='/Library/Application Support/Muster'
unit=/Library/LaunchDaemons/io.muster.agent.plist

# An agent that runs goes first: launchd would start the old program again.
launchctl bootout system/io.muster.agent 2>/dev/null || true
(umask 022 && mkdir -p /usr/local/bin /etc/muster)
(umask 077 && mkdir -p "$state")
install -m 0755 -o root -g wheel "$here/muster-agent" /usr/local/bin/muster-agent
install -m 0755 -o root -g wheel "$here/uninstall.sh" /usr/local/bin/muster-agent-uninstall
install -m 0644 -o root -g wheel "$here/io.muster.agent.plist" "$unit"
[ -e /etc/muster/agent.toml ] || install -m 0640 -o root -g wheel "$here/agent.toml" /etc/muster/agent.toml
launchctl bootstrap system "$unit"
