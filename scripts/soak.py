"""Watches a collector and its PostgreSQL for as long as a fleet plays, and judges what grew.

    soak.py watch RUN FOLDER FILE    a sample every ten seconds into FILE, until the collector of RUN has ended
    soak.py judge FILE               says what it came to, a JSON object; fails when something grew that is no data

Only psql and /proc are asked. The judge compares the third quarter of the samples with the last one: what has to
warm up has done so in the first half, and whatever leaks by the report, the visit or the minute still does.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

EVERY_S = 10
# What may grow by how much, as a share, from the third quarter to the last, and from which value on it counts.
LIMITS = {
    "memory_bytes": (0.05, 16 * 1024 * 1024),
    "descriptors": (0.05, 20),
    # Those that wait for disks come and go with the load.
    "threads": (0.1, 4),
    "sessions_of_postgres": (0.0, 2),
    "queue_bytes": (0.05, 64 * 1024 * 1024),
    "partitions": (0.0, 1),
    # What an update leaves behind is taken away as fast as it comes.
    "bytes_a_row": (0.05, 10),
}
# Of a hundred rows so many may be dead in the end: where autovacuum begins by itself, and half as many again.
DEAD_MAX = 0.3

QUESTION = """
SELECT json_build_object(
  'database_bytes', pg_database_size(current_database()),
  'rows', (SELECT coalesce(sum(n_live_tup), 0) FROM pg_stat_user_tables),
  'dead_rows', (SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables),
  'partitions', (SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relkind = 'r'),
  'sessions_of_postgres', (SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()))
"""


def ask():
    command = ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", QUESTION, os.environ["DATABASE_URL"]]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def of_process(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return {
        "memory_bytes": int(fields["VmRSS"].split()[0]) * 1024,
        "threads": int(fields["Threads"]),
        "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
    }


def size(folder):
    # A segment may go while it is looked for.
    total = 0
    for path in pathlib.Path(folder).rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            pass
    return total


def watch(run, folder, file):
    began = time.monotonic()
    with open(file, "w") as samples:
        while True:
            try:
                pid = json.loads(pathlib.Path(run).read_text())["pid"]
                sample = of_process(pid)
            except (FileNotFoundError, ProcessLookupError, KeyError):
                return
            sample |= ask()
            sample["queue_bytes"] = size(pathlib.Path(folder) / "queue")
            sample["bytes_a_row"] = sample["database_bytes"] / max(sample["rows"], 1)
            sample["after_s"] = round(time.monotonic() - began)
            samples.write(json.dumps(sample) + "\n")
            samples.flush()
            time.sleep(EVERY_S)


def judge(file):
    samples = [json.loads(line) for line in open(file)]
    if len(samples) < 12:
        sys.exit(f"soak: {len(samples)} samples are too few to say anything: let it run for longer")
    half, three = len(samples) // 2, len(samples) * 3 // 4
    before, after = samples[half:three], samples[three:]
    result, grown = {"samples": len(samples), "seconds": samples[-1]["after_s"]}, []
    for name, (share, from_) in LIMITS.items():
        then = statistics.median(sample[name] for sample in before)
        now = statistics.median(sample[name] for sample in after)
        result[name] = {"third_quarter": then, "last_quarter": now, "most": max(s[name] for s in samples)}
        if now - then > max(then * share, from_):
            grown.append(name)
    last = samples[-1]
    result["rows"] = {"first": samples[0]["rows"], "last": last["rows"]}
    result["database_bytes"] = {"first": samples[0]["database_bytes"], "last": last["database_bytes"]}
    result["dead_share"] = round(last["dead_rows"] / max(last["rows"], 1), 4)
    if result["dead_share"] > DEAD_MAX:
        grown.append("dead_rows")
    result["grown"] = grown
    print(json.dumps(result))
    if grown:
        sys.exit(f"soak: grew, and is no data: {', '.join(grown)}")


match sys.argv[1:]:
    case ["watch", run, folder, file]:
        watch(run, folder, file)
    case ["judge", file]:
        judge(file)
    case _:
        sys.exit(__doc__)
