"""Watches a collector and its PostgreSQL for as long as a fleet plays, and judges what grew.

    soak.py watch RUN FOLDER FILE    a sample every ten seconds into FILE, until the collector of RUN has ended
    soak.py judge FILE MINUTES       says what it came to, a JSON object; fails when something grew that is no data, or
                                     when it was not watched for so long
    soak.py test                     tries both without a collector

A question that gets no answer is asked again with the next sample. Only psql and /proc are asked. The judge compares the third quarter of the samples with the last one: what has to
warm up has done so in the first half, and whatever leaks by the report, the visit or the minute still does.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

EVERY_S = 10
# How long a question may take: a database that is busy is no end of the watch.
ANSWER_WITHIN_S = 60
# Which share of the samples has to be there.
SEEN_MIN = 0.8
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
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=ANSWER_WITHIN_S)
    return json.loads(done.stdout)


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


def sample_of(run, folder):
    """One sample; `None` when the collector has ended."""
    try:
        pid = json.loads(pathlib.Path(run).read_text())["pid"]
        sample = of_process(pid)
    except (FileNotFoundError, ProcessLookupError, KeyError):
        return None
    sample |= ask()
    sample["queue_bytes"] = size(pathlib.Path(folder) / "queue")
    sample["bytes_a_row"] = sample["database_bytes"] / max(sample["rows"], 1)
    return sample


def watch(run, folder, file):
    began = time.monotonic()
    with open(file, "w") as samples:
        while True:
            try:
                sample = sample_of(run, folder)
            except (subprocess.SubprocessError, ValueError, OSError) as error:
                # No answer, or a file that was half written. What is missing in the end is the judge's to say.
                print(f"soak: no sample: {error}", file=sys.stderr)
            else:
                if sample is None:
                    return
                sample["after_s"] = round(time.monotonic() - began)
                samples.write(json.dumps(sample) + "\n")
                samples.flush()
            time.sleep(EVERY_S)


def judge(file, minutes):
    samples = [json.loads(line) for line in open(file)]
    if len(samples) < 12:
        sys.exit(f"soak: {len(samples)} samples are too few to say anything: let it run for longer")
    seconds = samples[-1]["after_s"]
    if seconds < minutes * 60:
        sys.exit(f"soak: watched for {seconds} s of {minutes * 60}: did the collector end, or the watch?")
    if len(samples) < SEEN_MIN * seconds / EVERY_S:
        sys.exit(f"soak: {len(samples)} samples in {seconds} s: the database or the machine was too busy to be asked")
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


def test():
    global ask, EVERY_S
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        run, file = folder / "run", folder / "samples"
        (folder / "queue").mkdir()
        answer = {"database_bytes": 8, "rows": 1, "dead_rows": 0, "partitions": 4, "sessions_of_postgres": 1}
        # A database that fails, a file that is half written, an answer, and the end.
        steps = iter(["fails", "half", "answers", "ends"])

        def asked():
            step = next(steps)
            run.write_text('{"pid"' if step == "fails" else json.dumps({"pid": os.getpid()}))
            if step == "fails":
                raise subprocess.CalledProcessError(2, "psql")
            if step == "answers":
                run.unlink()
            return answer

        ask, EVERY_S = asked, 0
        run.write_text(json.dumps({"pid": os.getpid()}))
        real = pathlib.Path.read_text

        def read(path, *words, **more):
            text = real(path, *words, **more)
            if path == run and text.endswith('"pid"'):
                # Whole by the next look.
                run.write_text(json.dumps({"pid": os.getpid()}))
            return text

        pathlib.Path.read_text = read
        watch(run, folder, file)
        pathlib.Path.read_text = real
        if len(file.read_text().splitlines()) != 2:
            sys.exit(f"soak: a watch that is disturbed gave {file.read_text()!r}")
        one = answer | {"memory_bytes": 1, "descriptors": 1, "threads": 1, "queue_bytes": 0, "bytes_a_row": 8}
        for every_s, last_s, is_good in ((10, 600, True), (10, 120, False), (30, 600, False)):
            lines = [json.dumps(one | {"after_s": after}) for after in range(0, last_s + 1, every_s)]
            file.write_text("\n".join(lines))
            EVERY_S = 10
            try:
                judge(file, 10)
                was_good = True
            except SystemExit:
                was_good = False
            if was_good != is_good:
                sys.exit(f"soak: a sample each {every_s} s for {last_s} s of 600 is judged {was_good}")


match sys.argv[1:]:
    case ["watch", run, folder, file]:
        watch(run, folder, file)
    case ["judge", file, minutes]:
        judge(file, int(minutes))
    case ["test"]:
        test()
    case _:
        sys.exit(__doc__)
