# Tells the collector that this host is no agent any more, and deletes its key. Becomes a part of the packages'
# scripts. Without a way to the collector the removal goes on: the host is then missed there until somebody
# revokes it.
give_up() {
    [ -e /var/lib/muster-agent/identity.json ] || return 0
    runuser -u muster-agent -- timeout 30 /usr/bin/muster-agent unenroll ||
        echo 'muster-agent: the collector does not know that this host is gone; revoke it there' >&2
}
