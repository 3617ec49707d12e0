# Hands an enrolment token over to the agent: into its state folder, readable by the agent alone, which deletes
# it once it is used. Becomes a part of the packages' scripts. The token is never an argument of a program, which
# everybody on the host could read.
#
# It comes from the variable ENROLL_TOKEN, the file that ENROLL_TOKEN_FILE names, or /etc/muster/enrolment-token,
# which is deleted here; the file that somebody named stays theirs.
take_token() {
    state=/var/lib/muster-agent
    waiting=/etc/muster/enrolment-token
    install -d -m 0700 -o muster-agent -g muster-agent "$state"
    if [ -e "$state/identity.json" ]; then
        # A host that is an agent already stays the one that it is.
        rm -f "$waiting"
        return 0
    fi
    if [ -n "${ENROLL_TOKEN_FILE:-}" ]; then
        keep_token <"$ENROLL_TOKEN_FILE"
    elif [ -n "${ENROLL_TOKEN:-}" ]; then
        printf '%s\n' "$ENROLL_TOKEN" | keep_token
    elif [ -f "$waiting" ]; then
        keep_token <"$waiting"
    fi
    rm -f "$waiting"
}

# As the agent's user: root does not write into a folder in which somebody else may have prepared a link.
keep_token() {
    runuser -u muster-agent -- sh -c 'umask 077 && cat >/var/lib/muster-agent/enrolment-token'
}
