# Tells the collector that this host is no agent any more, and deletes its key and a token that waits. Becomes a
# part of the packages' scripts. Without a way to the collector the removal goes on: the host is then missed there
# until somebody revokes it.
give_up() {
    state=/var/lib/muster-agent
    if [ -e "$state/identity.json" ]; then
        runuser -u muster-agent -- timeout 30 /usr/bin/muster-agent unenroll ||
            echo 'muster-agent: the collector does not know that this host is gone; revoke it there' >&2
    fi
    # Also where that was ended before it came to it.
    rm -f "$state/identity.json" "$state/enrolment-token" /etc/muster/enrolment-token
}
