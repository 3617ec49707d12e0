#!/usr/bin/env python3
"""Checks that units, and users of sysusers.d, do on the oldest systemd that they are for what they say.

    units.py UNIT... [USERS.sysusers...]

A unit names it in its first lines (`# Oldest systemd: 219`). An older systemd passes over a line that it does not know,
and a word of a list. So a list of what is denied denies less, which is a loss and no fault; a list of what is allowed
allows less, and the kernel ends the program at every start. Exit code 1 with a line a finding.
"""

import pathlib
import re
import shlex
import sys

# Since which version systemd knows what our units use; 0 is longer than anybody remembers. Source: systemd's NEWS.
SINCE = {
    "AmbientCapabilities": 229, "CPUQuota": 213, "CPUWeight": 232, "CapabilityBoundingSet": 0,
    "ConditionPathExists": 0, "ExecPaths": 248, "IOSchedulingClass": 0, "InaccessiblePaths": 231, "KeyringMode": 235,
    "KillMode": 0, "LimitNOFILE": 0, "LockPersonality": 235, "MemoryDenyWriteExecute": 231, "MemoryHigh": 231,
    "MemoryMax": 231, "Nice": 0, "NoExecPaths": 248, "NoNewPrivileges": 187, "OOMScoreAdjust": 0,
    "PrivateDevices": 209, "PrivateTmp": 0, "ProtectClock": 245, "ProtectControlGroups": 232, "ProtectHome": 214,
    "ProtectHostname": 242, "ProtectKernelLogs": 244, "ProtectKernelModules": 232, "ProtectKernelTunables": 232,
    "ProtectProc": 247, "ProtectSystem": 214, "ReadWritePaths": 231, "RemoveIPC": 232, "Restart": 0, "RestartSec": 0,
    "RestrictAddressFamilies": 211, "RestrictNamespaces": 233, "RestrictRealtime": 231, "RestrictSUIDSGID": 242,
    "StateDirectory": 235, "StateDirectoryMode": 235, "SystemCallArchitectures": 209, "SystemCallErrorNumber": 209,
    "SystemCallFilter": 209, "TasksMax": 227, "TimeoutStopSec": 0, "Type": 0, "UMask": 0, "User": 0, "Group": 0,
    "ExecStart": 0, "ExecReload": 0, "WantedBy": 0, "Description": 0, "Documentation": 0, "After": 0, "Wants": 0,
}
# The same of values: a directive that is known with a value that is not.
VALUES = {("Type", "exec"): 240, ("ProtectSystem", "strict"): 232, ("ProtectProc", "invisible"): 247}
# And of words in lists of what is allowed. What is missing here may not stand in one.
WORDS = {
    "@system-service": 239, "@privileged": 231, "@resources": 233,
    "AF_INET": 0, "AF_INET6": 0, "AF_UNIX": 0, "native": 0, "CAP_DAC_READ_SEARCH": 0,
}
ALLOWING = {
    "SystemCallFilter", "RestrictAddressFamilies", "SystemCallArchitectures", "CapabilityBoundingSet", "AmbientCapabilities",
}


def lines_with_comments(text):
    """Every directive with its value and the comment that it stands under."""
    comment, in_comment = [], False
    for line in text.splitlines():
        if line.startswith("#"):
            comment = [*comment, line] if in_comment else [line]
            in_comment = True
        elif not line.strip() or line.startswith("["):
            comment, in_comment = [], False
        else:
            in_comment = False
            key, _, value = line.partition("=")
            yield key, value, " ".join(comment)


def check(text):
    said = re.search(r"^# Oldest systemd: (\d+)$", text, re.M)
    if not said:
        yield "does not say which systemd is the oldest that it is for"
        return
    oldest = int(said.group(1))
    lists, seen = {}, {}
    for key, value, comment in lines_with_comments(text):
        seen.setdefault(key, []).append(value)
        if key not in SINCE:
            yield f"{key}=: packaging/tests/units.py does not know since when there is one"
            continue
        since = max(SINCE[key], VALUES.get((key, value), 0))
        if since > oldest and not re.search(rf"\b{since}\b", comment):
            yield f"{key}={value}: its comment does not say that only {since} knows it"
        if key in ALLOWING:
            # The first line decides which kind of list it is; later ones take from it or add to it.
            allows = lists.setdefault(key, not value.startswith("~"))
            for word in value.split() if allows and not value.startswith("~") else []:
                if WORDS.get(word, sys.maxsize) > oldest:
                    yield f"{key}={value}: a list of what is allowed, and {oldest} does not know {word}: it would be kept without it"
    if "SystemCallFilter" in seen and oldest < 239 and seen.get("SystemCallErrorNumber") != ["EPERM"]:
        yield "SystemCallFilter= without SystemCallErrorNumber=EPERM: groups differ by version, and what is denied ends the program"
    for folder in " ".join(seen.get("StateDirectory", [])).split():
        open_to = " ".join(seen.get("ReadWritePaths", [])).replace("-/", "/").split()
        if oldest < 235 and "strict" in seen.get("ProtectSystem", []) and f"/var/lib/{folder}" not in open_to:
            yield f"ProtectSystem=strict closes /var/lib/{folder} for 232 to 234, which know no StateDirectory="


def check_users(text):
    """A column too many is an error before 238, of the package's script as well as of the service at boot."""
    for line in text.splitlines():
        if line.startswith("u ") and len(shlex.split(line)) > 5:
            yield f"{line}: systemd before 238 knows no shell here, and refuses the line"


def main(units):
    findings = [
        f"{unit}: {what}"
        for unit in units
        for what in (check_users if unit.endswith(".sysusers") else check)(pathlib.Path(unit).read_text())
    ]
    print("\n".join(findings), end="\n" if findings else "")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
