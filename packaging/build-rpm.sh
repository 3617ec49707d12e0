#!/usr/bin/env bash
# Wraps a built agent into an .rpm, the same bytes for the same input.
#
#   packaging/build-rpm.sh ARCH PROGRAM SBOM OUT_DIR      ARCH is x86_64 or aarch64
set -euo pipefail

arch=${1:?} program=$(realpath "${2:?}") sbom=$(realpath "${3:?}") out=${4:?usage: packaging/build-rpm.sh ARCH PROGRAM SBOM OUT_DIR}
cd "$(dirname "$0")/.."
. packaging/release.sh
mkdir -p "$out"
out=$(realpath "$out")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
install -D -m 755 "$program" "$tree/usr/bin/muster-agent"
install -D -m 640 agent/agent.toml "$tree/etc/muster/agent.toml"
install -D -m 644 packaging/systemd/muster-agent.service "$tree/usr/lib/systemd/system/muster-agent.service"
install -D -m 644 packaging/debian/muster-agent.sysusers "$tree/usr/lib/sysusers.d/muster-agent.conf"
install -D -m 644 "$sbom" "$tree/usr/share/doc/muster-agent/sbom.cdx.json"
install -D -m 644 LICENSE "$tree/usr/share/licenses/muster-agent/LICENSE"
mkdir -p "$tree/usr/share/man/man8" "$tree/var/lib/muster-agent"
manual "$tree/usr/share/man/man8/muster-agent.8"
gzip -9n "$tree/usr/share/man/man8/muster-agent.8"
find "$tree" -depth -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
with_parts packaging/rpm/muster-agent.spec >"$work/muster-agent.spec"

# gzip and an old payload format: rpm 4.11 (RHEL 7) reads it. No host name, and no time but the sources'.
if ! rpmbuild -bb --target "$arch-linux" --quiet --nodeps \
  --define "_topdir $work/rpm" --define "_tmppath $work" --define "_mandir /usr/share/man" \
  --define "_sysconfdir /etc" --define "muster_tree $tree" \
  --define "muster_version $version" --define "muster_revision $revision" \
  --define "muster_date $(date -u -d "@$SOURCE_DATE_EPOCH" '+%a %b %d %Y')" \
  --define "_buildhost muster.invalid" --define "use_source_date_epoch_as_buildtime 1" \
  --define "clamp_mtime_to_source_date_epoch 1" --define "_binary_payload w9.gzdio" \
  --define "_build_id_links none" --define "_binary_filedigest_algorithm 8" \
  "$work/muster-agent.spec" >"$work/log" 2>&1; then
  cat "$work/log" >&2
  exit 1
fi
install -m 644 "$work/rpm/RPMS/$arch/muster-agent-$version-$revision.$arch.rpm" "$out/"
echo "$out/muster-agent-$version-$revision.$arch.rpm"
