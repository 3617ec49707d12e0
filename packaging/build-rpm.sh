#!/usr/bin/env bash
# Wraps a built program into an .rpm, the same bytes for the same input.
#
#   packaging/build-rpm.sh PRODUCT ARCH PROGRAM SBOM OUT_DIR      PRODUCT is agent or collector, ARCH x86_64 or aarch64
set -euo pipefail

usage='usage: packaging/build-rpm.sh agent|collector ARCH PROGRAM SBOM OUT_DIR'
product=${1:?$usage} arch=${2:?$usage} program=$(realpath "${3:?$usage}") sbom=$(realpath "${4:?$usage}") out=${5:?$usage}
name=muster-$product
cd "$(dirname "$0")/.."
. packaging/release.sh
mkdir -p "$out"
out=$(realpath "$out")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
install -D -m 755 "$program" "$tree/usr/bin/$name"
mkdir -p "$tree/etc/muster"
configuration "$product" "$program" >"$tree/etc/muster/$product.toml"
chmod 640 "$tree/etc/muster/$product.toml"
install -D -m 644 "packaging/systemd/$name.service" "$tree/usr/lib/systemd/system/$name.service"
install -D -m 644 "packaging/debian/$product/$name.sysusers" "$tree/usr/lib/sysusers.d/$name.conf"
install -D -m 644 "$sbom" "$tree/usr/share/doc/$name/sbom.cdx.json"
install -D -m 644 LICENSE "$tree/usr/share/licenses/$name/LICENSE"
mkdir -p "$tree/usr/share/man/man8" "$tree/var/lib"
case $product in agent) mkdir "$tree/var/lib/muster-agent" ;; collector) mkdir "$tree/var/lib/muster" ;; esac
manual "$name" "$tree/usr/share/man/man8/$name.8"
gzip -9n "$tree/usr/share/man/man8/$name.8"
find "$tree" -depth -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
with_parts "packaging/rpm/$name.spec" >"$work/$name.spec"

# gzip and an old payload format: rpm 4.11 (RHEL 7) reads it. No host name, and no time but the sources'.
if ! rpmbuild -bb --target "$arch-linux" --quiet --nodeps \
  --define "_topdir $work/rpm" --define "_tmppath $work" --define "_mandir /usr/share/man" \
  --define "_sysconfdir /etc" --define "muster_tree $tree" \
  --define "muster_version $version" --define "muster_revision $revision" \
  --define "muster_date $(date -u -d "@$SOURCE_DATE_EPOCH" '+%a %b %d %Y')" \
  --define "_buildhost muster.invalid" --define "use_source_date_epoch_as_buildtime 1" \
  --define "clamp_mtime_to_source_date_epoch 1" --define "_binary_payload w9.gzdio" \
  --define "_build_id_links none" --define "_binary_filedigest_algorithm 8" \
  "$work/$name.spec" >"$work/log" 2>&1; then
  cat "$work/log" >&2
  exit 1
fi
install -m 644 "$work/rpm/RPMS/$arch/$name-$version-$revision.$arch.rpm" "$out/"
echo "$out/$name-$version-$revision.$arch.rpm"
