#!/usr/bin/env bash
# Wraps a built agent into a .deb, the same bytes for the same input.
#
#   packaging/build-deb.sh ARCH PROGRAM SBOM OUT_DIR      ARCH is amd64 or arm64
set -euo pipefail

arch=${1:?} program=$(realpath "${2:?}") sbom=$(realpath "${3:?}") out=${4:?usage: packaging/build-deb.sh ARCH PROGRAM SBOM OUT_DIR}
cd "$(dirname "$0")/.."
. packaging/release.sh
mkdir -p "$out"
out=$(realpath "$out")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/muster-agent-$version
mkdir -p "$tree/debian"
cp packaging/debian/* "$tree/debian/"
for script in postinst prerm postrm; do
  with_parts "packaging/debian/muster-agent.$script" >"$tree/debian/muster-agent.$script"
done
cp packaging/systemd/muster-agent.service "$tree/debian/muster-agent.service"
install -m 755 "$program" "$tree/muster-agent"
cp agent/agent.toml "$tree/agent.toml"
cp "$sbom" "$tree/sbom.cdx.json"
echo 'sbom.cdx.json' >"$tree/debian/muster-agent.docs"
manual "$tree/muster-agent.8"
cat >"$tree/debian/changelog" <<LOG
muster-agent ($version-$revision) unstable; urgency=medium

  * Built from the sources of this version.

 -- Muster maintainers <maintainers@muster.invalid>  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
LOG
if ! (cd "$tree" && dpkg-buildpackage --build=binary --host-arch="$arch" --no-check-builddeps --unsigned-changes \
  --unsigned-buildinfo) >"$work/log" 2>&1; then
  cat "$work/log" >&2
  exit 1
fi
install -m 644 "$work/muster-agent_$version-${revision}_$arch.deb" "$out/"
echo "$out/muster-agent_$version-${revision}_$arch.deb"
