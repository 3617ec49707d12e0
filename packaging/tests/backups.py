"""Runs what the jobs of backup and restore run in their pods, on a folder and with a collector that only notes what it is told.

    backups.py RENDERED

Exit code 1 with a line a finding.
"""

import pathlib
import subprocess
import sys
import tempfile

import yaml

# Backups that are kept.
KEPT = 14
COLLECTOR = """#!/bin/sh
for last; do :; done
case " $* " in
*" backup "*) mkdir "$last" && { [ -z "$FULL" ] || { echo 'No space left on device' >&2; exit 1; }; } && touch "$last/backup.json" ;;
*" restore "*) echo "$last" >"$NOTED" ;;
esac
"""


def shell_of(things, name):
    """What a job's pod runs."""
    job = next(thing for thing in things if thing["kind"] == "CronJob" and thing["metadata"]["name"] == name)
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["/bin/sh", "-ec"], container["command"]
    return container["args"][0]


class Volume:
    """A volume of backups, and what stands in for the collector."""

    def __init__(self, folder, things):
        self.root = pathlib.Path(folder)
        self.backups = self.root / "backup"
        self.noted = self.root / "noted"
        self.things = things
        (self.root / "bin").mkdir()
        collector = self.root / "bin/muster-collector"
        collector.write_text(COLLECTOR, encoding="utf-8")
        collector.chmod(0o755)
        # What every new volume of ext4 has.
        (self.backups / "lost+found").mkdir(parents=True)

    def add(self, name, is_finished=True):
        (self.backups / name).mkdir()
        if is_finished:
            (self.backups / name / "backup.json").touch()

    def run(self, job, **settings):
        text = shell_of(self.things, job).replace("/backup", str(self.backups))
        # The list's own name begins alike.
        text = text.replace(f"{self.backups}.json", "/backup.json")
        environment = {"PATH": f"{self.root}/bin:/usr/bin:/bin", "FULL": "", "NOTED": str(self.noted), **settings}
        return subprocess.run(["/bin/sh", "-ec", text], env=environment, capture_output=True, text=True, check=False)

    def finished(self):
        return sorted(path.parent.name for path in self.backups.glob("*/backup.json"))

    def folders(self):
        return sorted(path.name for path in self.backups.iterdir() if path.is_dir())


def findings(volume):
    if volume.run("muster-restore").returncode == 0:
        yield "a restore without any backup is no error"
    names = [f"202611{day:02}T021700Z" for day in range(1, 21)]
    for name in names:
        volume.add(name)
    volume.add("20261121T021700Z", is_finished=False)
    ran = volume.run("muster-restore")
    if ran.returncode or volume.noted.read_text(encoding="utf-8").strip() != str(volume.backups / names[-1]):
        yield f"a restore brings back another than the newest that was finished: {ran.stderr}"
    volume.run("muster-restore", RESTORE_FROM=names[3])
    if volume.noted.read_text(encoding="utf-8").strip() != str(volume.backups / names[3]):
        yield "a restore brings back another than the one that was named"
    for _ in range(3):
        ran = volume.run("muster-backup", FULL="1")
        if ran.returncode == 0:
            yield "a backup that fails is no error"
    if volume.finished() != names[-KEPT + 1 :]:
        yield f"nights without a backup leave {volume.finished()}"
    # Each makes its folder in a second of its own; the last one that failed left its own.
    unfinished = [name for name in volume.folders() if name not in volume.finished() and name != "lost+found"]
    if len(unfinished) > 1:
        yield f"what was not finished stays: {unfinished}"
    for folder in unfinished:
        (volume.backups / folder).rename(volume.backups / "20261122T021700Z")
    ran = volume.run("muster-backup")
    if ran.returncode:
        yield f"a backup fails: {ran.stderr}"
    if len(volume.finished()) != KEPT or len(volume.folders()) != KEPT + 1:
        yield f"after a backup there are {volume.folders()}"
    if "lost+found" not in volume.folders():
        yield "what is no backup is removed"


def main(path):
    with open(path, encoding="utf-8") as file:
        things = [thing for thing in yaml.safe_load_all(file) if thing]
    with tempfile.TemporaryDirectory() as folder:
        found = list(findings(Volume(folder, things)))
    for finding in found:
        print(f"{path}: {finding}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
