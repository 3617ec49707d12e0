"""What `scripts/monitoring.sh test` does with a collector, a fleet and a Prometheus, all real.

Alerts wait for minutes so that nobody is woken by a hiccup; here they wait for a second, and Prometheus looks
every second. Everything that is started is gone afterwards.
"""

import json
import math
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
MONITORING = ROOT / "packaging/monitoring"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PROGRAMS = pathlib.Path(os.environ.get("BINARIES", TARGET / "debug"))
# The measures of the site come every half minute, those of feeds every minute; a busy machine takes longer.
PATIENCE = 180

started = []


def say(text):
    print(f"monitoring: {text}", file=sys.stderr, flush=True)


def fail(text):
    raise SystemExit(f"monitoring: {text}")


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def start(log, *words, **more):
    process = subprocess.Popen(
        [str(word) for word in words], stdout=open(log, "a"), stderr=subprocess.STDOUT, **more
    )
    started.append(process)
    return process


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()


def sql(text):
    subprocess.run(
        ["psql", "-q", "-v", "ON_ERROR_STOP=1", os.environ["DATABASE_URL"], "-c", text], check=True
    )


def get(url, key=None):
    request = urllib.request.Request(url)
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def until(what, is_so):
    """Waits until something is so, and gives what it came to."""
    end = time.monotonic() + PATIENCE
    last = None
    while time.monotonic() < end:
        try:
            last = is_so()
        except OSError as error:
            last = None
            what_now = f"{what} ({error})"
        else:
            what_now = what
        if last:
            return last
        # Between two questions to another process; the deadline is what fails.
        time.sleep(0.5)
    fail(f"{PATIENCE} seconds and not yet: {what_now}")


class Collector:
    """A collector on a database of its own, with one company and its token."""

    def __init__(self, folder):
        self.folder, self.data = folder, folder / "data"
        self.data.mkdir()
        self.listen, self.http = free_port(), free_port()
        self.environment = dict(
            os.environ,
            MUSTER_FEEDS_SYNC="false",
            MUSTER_QUEUE_DISK_FREE_BYTES_MIN="0",
            MUSTER_INGEST_ADDRESSES=f"127.0.0.1:{self.listen}",
            MUSTER_INGEST_AGENT_REQUESTS_PER_MINUTE="6000",
        )
        self.run("company", "create", "Ours")
        self.token = folder / "token"
        self.token.write_text(self.run("token", "create", "--company", "Ours"))
        self.key = folder / "key"
        self.key.write_text(self.run("key", "create", "test", "--company", "Ours"))
        self.run("feed", "import", ROOT / "enrichment/data/feed")
        self.process = None

    def run(self, *words):
        command = [PROGRAMS / "muster-collector", "--data-dir", self.data, *words]
        done = subprocess.run(
            [str(word) for word in command],
            env=self.environment, check=True, stdout=subprocess.PIPE, text=True,
        )
        return done.stdout.strip()

    def serve(self):
        addresses = ["--listen", f"127.0.0.1:{self.listen}", "--http", f"127.0.0.1:{self.http}"]
        self.process = start(
            self.folder / "collector.log",
            PROGRAMS / "muster-collector", "--data-dir", self.data, "serve", *addresses,
            env=self.environment,
        )
        until("the collector is ready", lambda: get(f"http://127.0.0.1:{self.http}/readyz"))

    def fleet(self, *words):
        return start(
            self.folder / "fleet.log",
            PROGRAMS / "muster-sim", "fleet", "--token-file", self.token, *words,
            env=self.environment,
        )


class Prometheus:
    """A Prometheus that looks every second."""

    def __init__(self, folder, target):
        self.port = free_port()
        rules = (MONITORING / "prometheus/rules.yml").read_text()
        # What a rule waits for, and not the windows that it looks back over.
        (folder / "rules.yml").write_text(re.sub(r"(?m)^(\s+for: ).*$", r"\g<1>1s", rules))
        config = (MONITORING / "prometheus/prometheus.yml").read_text()
        config = config.replace("15s", "1s").replace("127.0.0.1:7080", target)
        (folder / "prometheus.yml").write_text(config)
        start(
            folder / "prometheus.log",
            "prometheus", f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/prometheus", f"--web.listen-address=127.0.0.1:{self.port}",
        )
        until("Prometheus is ready", lambda: get(f"http://127.0.0.1:{self.port}/-/ready"))

    def ask(self, path, **words):
        query = urllib.parse.urlencode(words)
        return json.loads(get(f"http://127.0.0.1:{self.port}/api/v1/{path}?{query}"))["data"]

    def numbers(self, query):
        """The values of a query that are numbers: a quantile of nothing is none."""
        found = [float(row["value"][1]) for row in self.ask("query", query=query)["result"]]
        return [number for number in found if not math.isnan(number)]

    def rules(self):
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]

    def firing(self):
        return {rule["name"] for rule in self.rules() if rule["state"] == "firing"}


def queries():
    out = subprocess.run(
        [MONITORING / "dashboards.py", "--queries"], check=True, stdout=subprocess.PIPE, text=True
    )
    for line in out.stdout.splitlines():
        found = json.loads(line)
        query = found["query"].replace("$__rate_interval", "1m")
        yield found, re.sub(r"\$\w+", ".*", query)


def check_dashboards(prometheus):
    waiting = list(queries())
    count = len(waiting)

    def all_answer():
        waiting[:] = [(found, query) for found, query in waiting if not prometheus.numbers(query)]
        return not waiting

    try:
        until("every query of every dashboard gives something", all_answer)
    except SystemExit:
        for found, _ in waiting:
            say(f"nothing for {found['dashboard']}, {found['panel']}: {found['query']}")
        raise
    say(f"all {count} queries of the dashboards gave data")


def check_rules(prometheus):
    rules = until("every rule was evaluated", lambda: prometheus.rules() and all(
        rule["health"] == "ok" for rule in prometheus.rules()) and prometheus.rules())
    expected = (MONITORING / "prometheus/rules.yml").read_text().count("- alert:")
    if len(rules) != expected:
        fail(f"{len(rules)} rules of {expected} are there")
    say(f"all {len(rules)} rules evaluate")


def expect(prometheus, *alerts):
    for alert in alerts:
        began = time.monotonic()
        until(f"{alert} fires", lambda name=alert: name in prometheus.firing())
        say(f"{alert} fires, {time.monotonic() - began:.0f} s later")


def cause_what_the_database_shows(collector, prometheus):
    sql("UPDATE feeds SET last_success_at = now() - interval '30 days'")
    sql("UPDATE backups SET made_at = now() - interval '3 days'")
    sql("UPDATE agents SET certificate_expires_at = now() + interval '2 days', last_seen_at = now()")
    sql("INSERT INTO nodes (id, name, seen_at) VALUES (gen_random_uuid(), 'lost', now() - interval '5 min')")
    sql("""INSERT INTO companies (id, name, created_at) VALUES (gen_random_uuid(), 'Silent', now());
           INSERT INTO agents (company_key, id, hostname, enrolled_at, last_seen_at)
           SELECT key, gen_random_uuid(), 'quiet', now(), now() - interval '1 hour'
           FROM companies WHERE name = 'Silent'""")
    # A database that refuses every new piece of software: what these hosts have can never be stored.
    sql("ALTER TABLE software ADD CONSTRAINT refused CHECK (false) NOT VALID")
    others = collector.fleet("--agents", 3, "--apps", 20, "--seed", 99, "--seconds", 3, "--settle-s", 5)
    expect(prometheus, "MusterDeadLetters", "MusterNodeGone", "MusterCompanySilent",
           "MusterAgentCertificatesExpire", "MusterFeedOld", "MusterBackupOld")
    stop(others)
    sql("ALTER TABLE software DROP CONSTRAINT refused")


def cause_an_outage(collector, prometheus):
    subprocess.run([os.environ["MUSTER_PG_CTL"], "stop"], check=True)
    # Sixty hosts that change every second: a thousand reports in twenty seconds.
    fleet = collector.fleet("--agents", 60, "--apps", 20, "--state", collector.folder / "hosts",
                            "--change-every-s", 1, "--seconds", 45, "--settle-s", 1)
    expect(prometheus, "MusterDatabaseAway", "MusterQueueOld", "MusterQueueLong")
    stop(fleet)
    subprocess.run([os.environ["MUSTER_PG_CTL"], "start"], check=True)
    until("MusterDatabaseAway ends", lambda: "MusterDatabaseAway" not in prometheus.firing())
    until("the queue is empty", lambda: max(prometheus.numbers("sum(muster_queue_reports)")) == 0)
    say("with the database back, the queue emptied and the alert ended")


def main(folder):
    collector = Collector(folder)
    collector.serve()
    prometheus = Prometheus(folder, f"127.0.0.1:{collector.http}")
    fleet = collector.fleet("--agents", 60, "--apps", 20, "--state", folder / "hosts",
                            "--change-every-s", 2, "--seconds", 60, "--settle-s", 30)
    key = collector.key.read_text()
    until("the API shows hosts",
          lambda: json.loads(get(f"http://127.0.0.1:{collector.http}/api/v1/hosts", key))["items"])
    check_rules(prometheus)
    check_dashboards(prometheus)
    fleet.wait()
    early = prometheus.firing()
    # What depends on this machine and not on Muster.
    if early - {"MusterDiskLow", "MusterDiskFull"}:
        fail(f"nothing has happened yet, and these fire: {sorted(early)}")
    cause_what_the_database_shows(collector, prometheus)
    cause_an_outage(collector, prometheus)
    stop(collector.process)
    expect(prometheus, "MusterNodeDown")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="muster-monitoring.") as name:
        try:
            main(pathlib.Path(name))
        except BaseException:
            for log in sorted(pathlib.Path(name).glob("*.log")):
                lines = log.read_text(errors="replace").splitlines()[-15:]
                say(f"the end of {log.name}:\n" + "\n".join(lines))
            raise
        finally:
            for process in reversed(started):
                if process.poll() is None:
                    stop(process)
