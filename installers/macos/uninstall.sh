#!/bin/sh
# Takes the agent off this Mac: tells its collector, deletes its key, its state and its files. Run as root.
# With --keep-configuration /etc/muster stays.
set -eu

launchctl bootout system/io.muster.agent 2>/dev/null || true
# Until it has ended it holds its state, which `unenroll` needs.
tries=0
while [ $tries -lt 30 ] && launchctl print system/io.muster.agent >/dev/null 2>&1; do
    tries=$((tries + 1))
    sleep 1
done
/usr/local/bin/muster-agent unenroll ||
    echo 'muster-agent: the collector does not know that this Mac is gone; revoke it there' >&2
rm -rf '/Library/Application Support/Muster'
rm -f /Library/LaunchDaemons/io.muster.agent.plist /etc/newsyslog.d/muster-agent.conf /usr/local/bin/muster-agent
rm -f /var/log/muster-agent.log /var/log/muster-agent.log.[0-9]*
[ "${1:-}" = --keep-configuration ] || rm -rf /etc/muster
rm -f /usr/local/bin/muster-agent-uninstall
