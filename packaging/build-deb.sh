#!/usr/bin/env bash
# Wraps a built program into a .deb, the same bytes for the same input.
#
#   packaging/build-deb.sh PRODUCT ARCH PROGRAM SBOM OUT_DIR      PRODUCT is agent or collector, ARCH amd64 or arm64
set -euo pipefail

usage='usage: packaging/build-deb.sh agent|collector ARCH PROGRAM SBOM OUT_DIR'
product=${1:?$usage} arch=${2:?$usage} program=$(realpath "${3:?$usage}") sbom=$(realpath "${4:?$usage}") out=${5:?$usage}
name=muster-$product
cd "$(dirname "$0")/.."
. packaging/release.sh
mkdir -p "$out"
out=$(realpath "$out")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/$name-$version
mkdir -p "$tree/debian"
cp packaging/debian/"$product"/* "$tree/debian/"
for script in postinst prerm postrm; do
  # Not every product has each of them.
  [ -e "packaging/debian/$product/$name.$script" ] || continue
  with_parts "packaging/debian/$product/$name.$script" >"$tree/debian/$name.$script"
done
cp "packaging/systemd/$name.service" "$tree/debian/$name.service"
install -m 755 "$program" "$tree/$name"
configuration "$product" "$program" >"$tree/$product.toml"
cp "$sbom" "$tree/sbom.cdx.json"
echo 'sbom.cdx.json' >"$tree/debian/$name.docs"
manual "$name" "$tree/$name.8"
cat >"$tree/debian/changelog" <<LOG
$name ($version-$revision) unstable; urgency=medium

  * Built from the sources of this version.

 -- Muster maintainers <maintainers@muster.invalid>  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
LOG
if ! (cd "$tree" && dpkg-buildpackage --build=binary --host-arch="$arch" --no-check-builddeps --unsigned-changes \
  --unsigned-buildinfo) >"$work/log" 2>&1; then
  cat "$work/log" >&2
  exit 1
fi
install -m 644 "$work/${name}_$version-${revision}_$arch.deb" "$out/"
echo "$out/${name}_$version-${revision}_$arch.deb"
