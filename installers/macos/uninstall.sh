#!/bin/sh
# Takes the agent off this Mac: tells its collector, deletes its key, its state and its files. Run as root.
# With --keep-configuration /etc/muster stays.
set -eu

launchctl bootout system/io.muster.agent 2>/dev/null || true
/usr/local/bin/muster-agent unenroll ||
    echo 'muster-agent: the collector does not know that this Mac is gone; revoke it there' >&2
rm -rf '/Library/Application Support/Muster'
rm -f /Library/LaunchDaemons/io.muster.agent.plist /var/log/muster-agent.log /usr/local/bin/muster-agent
[ "${1:-}" = --keep-configuration ] || rm -rf /etc/muster
rm -f /usr/local/bin/muster-agent-uninstall
