#!/usr/bin/env bash
# Everything that `make test-packages` does: builds, compares, lints, installs.
#
#   packaging/tests/all.sh [PART…]        PART is scripts, reproducible, lint, deb, rpm, collector-deb, collector-rpm or msi; without any, all
set -euo pipefail

cd "$(dirname "$0")/../.."
. packaging/release.sh
folder=${CARGO_TARGET_DIR:-$PWD/target}/packages
parts=${*:-scripts reproducible lint deb rpm collector-deb collector-rpm msi}
say() { printf 'test-packages: %s\n' "$*" >&2; }

# Two versions of every package, around the same program: the first is what ships.
next=$(echo "$version" | awk -F. '{ print $1 "." $2 "." $3 + 1 }')
packaging/package.sh deb rpm msi
MUSTER_BUILT=1 MUSTER_VERSION=$next packaging/package.sh deb rpm msi
one=$folder/$version two=$folder/$next

for part in $parts; do
  case $part in
    scripts) installers/tests/run.sh "$one" ;;
    reproducible) packaging/tests/reproducible.sh "$one" ;;
    lint) packaging/tests/lint.sh "$one" ;;
    deb) packaging/tests/linux.sh deb "$one/muster-agent_$version-${revision}_amd64.deb" "$two/muster-agent_$next-${revision}_amd64.deb" ;;
    rpm) packaging/tests/linux.sh rpm "$one/muster-agent-$version-$revision.x86_64.rpm" "$two/muster-agent-$next-$revision.x86_64.rpm" ;;
    collector-deb)
      arch=$(dpkg --print-architecture)
      packaging/tests/server.sh deb "$one/muster-collector_$version-${revision}_$arch.deb" "$two/muster-collector_$next-${revision}_$arch.deb"
      ;;
    collector-rpm)
      arch=$(uname -m)
      packaging/tests/server.sh rpm "$one/muster-collector-$version-$revision.$arch.rpm" "$two/muster-collector-$next-$revision.$arch.rpm"
      ;;
    msi) packaging/tests/windows.sh "$one/muster-agent-$version-x64.msi" "$two/muster-agent-$next-x64.msi" ;;
    *) say "$part is no part"; exit 2 ;;
  esac
  say "$part: passed"
done
