#!/usr/bin/env bash
# Wraps a built agent into an .msi, on Linux, with msitools. The same bytes for the same input.
#
#   packaging/build-msi.sh PROGRAM SBOM OUT_DIR
set -euo pipefail

program=$(realpath "${1:?}") sbom=$(realpath "${2:?}") out=${3:?usage: packaging/build-msi.sh PROGRAM SBOM OUT_DIR}
cd "$(dirname "$0")/.."
. packaging/release.sh
mkdir -p "$out"
out=$(realpath "$out")/muster-agent-$version-x64.msi

# Windows tells products apart by this, and wants another one for every version: made of what it names.
uuid_of() {
  local hex
  hex=$(printf '%s' "$1" | sha256sum | cut -c1-32 | tr 'a-f' 'A-F')
  printf '{%s-%s-4%s-8%s-%s}' "${hex:0:8}" "${hex:8:4}" "${hex:13:3}" "${hex:17:3}" "${hex:20:12}"
}
product=$(uuid_of "muster-agent product $version")
package=$(uuid_of "muster-agent package $version $(cat "$program" "$sbom" installers/windows/muster-agent.wxs "$0" | sha256sum)")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$program" "$work/muster-agent.exe"
cp "$sbom" "$work/sbom.cdx.json"
sed 's/$/\r/' LICENSE >"$work/LICENSE.txt"
cp installers/windows/muster-agent.wxs "$work/"
find "$work" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
msi=$work/out.msi
(cd "$work" && wixl -a x64 -D Version="$version" -D ProductCode="$product" -o "$msi" muster-agent.wxs) >"$work/log" 2>&1 || {
  cat "$work/log" >&2
  exit 1
}

# What wixl leaves out or refuses, in the installer's own language.
query() { msibuild "$msi" -q "$1" || { echo "build-msi: $1" >&2; exit 1; }; }
# With a window the client searches what was given before, and hands over to the server only what is named here.
secure="WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED;COLLECTOR;ENROLL_TOKEN;LABELS;PROXY;PREV_COLLECTOR;PREV_LABELS;PREV_PROXY"
query "UPDATE \`Property\` SET \`Value\` = '$secure' WHERE \`Property\` = 'SecureCustomProperties'"
# wixl puts it before the transaction begins: an upgrade that fails would then leave nothing installed.
query "UPDATE \`InstallExecuteSequence\` SET \`Sequence\` = 1510 WHERE \`Action\` = 'RemoveExistingProducts'"
# What was given at an earlier installation stays, where it is not given again.
for name in COLLECTOR LABELS PROXY; do
  case $name in COLLECTOR) at=51 ;; LABELS) at=52 ;; PROXY) at=53 ;; esac
  query "INSERT INTO \`CustomAction\` (\`Action\`, \`Type\`, \`Source\`, \`Target\`) VALUES ('Keep$name', 51, '$name', '[PREV_$name]')"
  query "INSERT INTO \`InstallExecuteSequence\` (\`Action\`, \`Condition\`, \`Sequence\`) VALUES ('Keep$name', 'NOT $name AND PREV_$name', $at)"
done
# The token's and the proxy's place, and the folder with the key, are the system's and the administrators' alone.
query "CREATE TABLE \`MsiLockPermissionsEx\` (\`MsiLockPermissionsEx\` CHAR(72) NOT NULL, \`LockObject\` CHAR(72) NOT NULL, \`Table\` CHAR(32) NOT NULL, \`SDDLText\` LONGCHAR NOT NULL, \`Condition\` LONGCHAR PRIMARY KEY \`MsiLockPermissionsEx\`)"
row=$(msiinfo export "$msi" Registry | awk -F'\t' '$4 == "EnrollToken" { print $1 }' | tr -d '\r')
query "INSERT INTO \`MsiLockPermissionsEx\` (\`MsiLockPermissionsEx\`, \`LockObject\`, \`Table\`, \`SDDLText\`) VALUES ('LockSettings', '$row', 'Registry', 'O:BAG:BAD:P(A;OICI;KA;;;SY)(A;OICI;KA;;;BA)')"
query "INSERT INTO \`MsiLockPermissionsEx\` (\`MsiLockPermissionsEx\`, \`LockObject\`, \`Table\`, \`SDDLText\`) VALUES ('LockState', 'DATADIR', 'CreateFolder', 'O:BAG:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)')"
# At the removal, and not at an upgrade, the agent tells its collector and deletes its key. Whatever comes of it, the
# removal goes on (64). Deferred, as the system (1024 + 2048), a program that the package itself has installed (18).
gone='REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE'
query "INSERT INTO \`CustomAction\` (\`Action\`, \`Type\`, \`Source\`, \`Target\`) VALUES ('Unenroll', 3154, 'AgentExe', 'unenroll')"
query "INSERT INTO \`InstallExecuteSequence\` (\`Action\`, \`Condition\`, \`Sequence\`) VALUES ('Unenroll', '$gone', 1950)"
# Then what is left of its state goes. A row whose folder is an empty property is passed over, and so an upgrade keeps it.
query "INSERT INTO \`CustomAction\` (\`Action\`, \`Type\`, \`Source\`, \`Target\`) VALUES ('NameState', 51, 'STATEDIR', '[CommonAppDataFolder]Muster\\state')"
query "INSERT INTO \`InstallExecuteSequence\` (\`Action\`, \`Condition\`, \`Sequence\`) VALUES ('NameState', '$gone', 1960)"
query "INSERT INTO \`RemoveFile\` (\`FileKey\`, \`Component_\`, \`FileName\`, \`DirProperty\`, \`InstallMode\`) VALUES ('StateFiles', 'State', '*', 'STATEDIR', 2)"
# By name as well: Wine takes the star for a name.
for name in agent.log lock gate; do
  query "INSERT INTO \`RemoveFile\` (\`FileKey\`, \`Component_\`, \`FileName\`, \`DirProperty\`, \`InstallMode\`) VALUES ('State_$name', 'State', '$name', 'STATEDIR', 2)"
done
query "INSERT INTO \`RemoveFile\` (\`FileKey\`, \`Component_\`, \`DirProperty\`, \`InstallMode\`) VALUES ('StateFolder', 'State', 'STATEDIR', 2)"

# A package code of its own, made of what is inside.
msibuild "$msi" -s "Muster Agent $version" "Muster" "x64;1033" "$package"
# libmsi notes when it was made, in two places, and cannot be told another time.
python3 - "$msi" "$SOURCE_DATE_EPOCH" <<'PY'
import struct, sys, time
path, epoch = sys.argv[1], int(sys.argv[2])
data = bytearray(open(path, "rb").read())
since_1601 = lambda at: (int(at) + 11644473600) * 10_000_000
found, at = 0, data.find(b"\x40\0\0\0")
while at >= 0:
    if at % 4 == 0 and at + 12 <= len(data):
        value = struct.unpack_from("<Q", data, at + 4)[0]
        if since_1601(time.time() - 600) <= value <= since_1601(time.time() + 5):
            struct.pack_into("<Q", data, at + 4, since_1601(epoch))
            found += 1
    at = data.find(b"\x40\0\0\0", at + 1)
if found != 2:
    sys.exit(f"build-msi: {found} times of now in the summary, and not two")
open(path, "wb").write(data)
PY
install -m 644 "$msi" "$out"
echo "$out"
