# Limits for a systemd that does not know those of the unit (before 231: RHEL 7, Ubuntu 16.04), in the words that it
# knows; in the unit itself they would be a warning on every newer one. Becomes a part of the packages' scripts.
old_systemd() {
    drop_in=/usr/lib/systemd/system/muster-agent.service.d/before-231.conf
    known=$(systemctl --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
    if [ "${known:-999}" -lt 231 ]; then
        install -d -m 0755 "${drop_in%/*}"
        printf '# The unit says MemoryMax= and CPUWeight=, which this systemd does not know.\n[Service]\nMemoryLimit=48M\nCPUShares=102\n' >"$drop_in"
    else
        rm -f "$drop_in"
    fi
}
