#!/usr/bin/env bash
# Makes the file tree of the collector's image: the program, its loader and libraries, and what they look for.
#
#   packaging/container/root.sh PROGRAM OUT
#
# A script and no list in the Containerfile, so that packaging/tests/container.sh can run the same tree without an engine
# for containers.
set -euo pipefail

program=$(realpath "${1:?usage: packaging/container/root.sh PROGRAM OUT}") out=${2:?usage: packaging/container/root.sh PROGRAM OUT}
user=65532

install -D -m 755 "$program" "$out/usr/bin/muster-collector"
# What the loader would load, at the places where it looks: `libc.so.6 => /lib/…/libc.so.6 (0x…)`, and itself.
ldd "$program" | awk '$2 == "=>" { print $3 } $1 ~ /^\// { print $1 }' | while read -r library; do
  install -D -m 755 "$(realpath "$library")" "$out$library"
done
# Names by files and by DNS: both are in the C library, which asks this file for the order.
install -d -m 755 "$out/etc"
printf 'hosts: files dns\n' >"$out/etc/nsswitch.conf"
printf 'muster:x:%s:%s:Muster collector:/var/lib/muster:/sbin/nologin\n' $user $user >"$out/etc/passwd"
printf 'muster:x:%s:\n' $user >"$out/etc/group"
# The only place that it writes to.
install -d -m 700 "$out/var/lib/muster"
[ "$(id -u)" -ne 0 ] || chown $user:$user "$out/var/lib/muster"
