"""The processes that `scripts/monitoring.py` starts, and how it asks them: collectors, fleets, a Prometheus."""

import http.cookiejar
import json
import math
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
MONITORING = ROOT / "packaging/monitoring"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PROGRAMS = pathlib.Path(os.environ.get("BINARIES", TARGET / "debug"))
# The measures of the site come every half minute, those of feeds every minute; a busy machine takes longer.
PATIENCE = 180

started = []
mounted = []


def say(text):
    print(f"monitoring: {text}", file=sys.stderr, flush=True)


def fail(text):
    raise SystemExit(f"monitoring: {text}")


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def start(log, *words, **more):
    with open(log, "a") as out:
        process = subprocess.Popen(
            [str(word) for word in words], stdout=out, stderr=subprocess.STDOUT, **more
        )
    started.append(process)
    return process


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()


def mount(folder, size):
    """Mounts a small disk in memory; whether that could be done."""
    if os.geteuid() != 0:
        return False
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "muster-monitoring", folder]
    is_mounted = subprocess.run(words).returncode == 0
    mounted.extend([folder] if is_mounted else [])
    return is_mounted


def end_all():
    """Leaves nothing behind: processes, then disks."""
    for process in reversed(started):
        if process.poll() is None:
            stop(process)
    while mounted:
        subprocess.run(["umount", mounted.pop()], check=True)


def sql(text, database=None):
    """Runs statements; gives what the last one says."""
    done = subprocess.run(
        ["psql", "-qAt", "-v", "ON_ERROR_STOP=1", database or os.environ["DATABASE_URL"], "-c", text],
        check=True, stdout=subprocess.PIPE, text=True,
    )
    return done.stdout.strip()


def get(url, key=None):
    request = urllib.request.Request(url)
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    # Certificates that are made here and soon end are part of what is tried.
    with urllib.request.urlopen(request, timeout=10, context=ssl._create_unverified_context()) as answer:
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
    """A node: the first of a site, which makes the company, or another one on its database."""

    def __init__(self, folder, data, database=None, scheme="http", **settings):
        self.folder, self.data, self.scheme = folder, data, scheme
        self.listen, self.http = free_port(), free_port()
        self.environment = dict(
            os.environ,
            DATABASE_URL=database or os.environ["DATABASE_URL"],
            MUSTER_FEEDS_SYNC="false",
            MUSTER_QUEUE_DISK_FREE_BYTES_MIN="0",
            MUSTER_INGEST_ADDRESSES=f"127.0.0.1:{self.listen}",
            MUSTER_INGEST_AGENT_REQUESTS_PER_MINUTE="6000",
            **settings,
        )
        self.process = None

    def found(self):
        """Makes the site's company, its token and a key."""
        self.run("company", "create", "Ours")
        self.token = self.folder / "token"
        self.token.write_text(self.run("token", "create", "--company", "Ours"))
        self.key = self.run("key", "create", "test", "--company", "Ours")
        return self

    @property
    def instance(self):
        return f"127.0.0.1:{self.http}"

    def run(self, *words):
        command = [PROGRAMS / "muster-collector", "--data-dir", self.data, *words]
        done = subprocess.run(
            [str(word) for word in command],
            env=self.environment, check=True, stdout=subprocess.PIPE, text=True,
        )
        return done.stdout.strip()

    def serve(self):
        addresses = ["--listen", f"127.0.0.1:{self.listen}", "--http", self.instance]
        self.process = start(
            self.folder / "collector.log",
            PROGRAMS / "muster-collector", "--data-dir", self.data, "serve", *addresses,
            env=self.environment,
        )
        until("the collector is ready", lambda: get(f"{self.scheme}://{self.instance}/readyz"))

    def crash(self):
        self.process.kill()
        self.process.wait()

    def fleet(self, *words):
        return start(
            self.folder / "fleet.log",
            PROGRAMS / "muster-sim", "fleet", "--token-file", self.token, *words,
            env=self.environment,
        )

    def api(self, path):
        return json.loads(get(f"{self.scheme}://{self.instance}/api/v1{path}", self.key))


class Person:
    """Somebody who asks the API: by a key, or with the cookie of a session."""

    def __init__(self, collector, key=None):
        self.base = f"{collector.scheme}://{collector.instance}/api/v1"
        self.headers = {"Content-Type": "application/json", "Muster-Csrf": "1"}
        if key:
            self.headers["Authorization"] = f"Bearer {key}"
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar(_Plain()))
        self.opener = urllib.request.build_opener(jar)

    def send(self, method, path, body=None, **headers):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(
            self.base + path, data, {**self.headers, **headers}, method=method
        )
        try:
            with self.opener.open(request, timeout=15) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            fail(f"{method} {path}: {error.code} {error.read().decode()}")


class _Plain(http.cookiejar.DefaultCookiePolicy):
    """Sends cookies that are for HTTPS over the loopback as browsers do."""

    def return_ok_secure(self, cookie, request):
        return True


class Prometheus:
    """A Prometheus that looks every second at whatever it is told."""

    def __init__(self, folder):
        self.port = free_port()
        self.targets = folder / "targets.json"
        self.watch()
        rules = (MONITORING / "prometheus/rules.yml").read_text()
        # What a rule waits for, and not the windows that it looks back over.
        (folder / "rules.yml").write_text(re.sub(r"(?m)^(\s+for: ).*$", r"\g<1>1s", rules))
        config = (MONITORING / "prometheus/prometheus.yml").read_text().replace("15s", "1s")
        config, count = re.subn(
            r"static_configs:\n.*", "file_sd_configs: [{files: [targets.json], refresh_interval: 1s}]\n"
            "    tls_config: {insecure_skip_verify: true}", config,
        )
        if count != 1:
            fail("prometheus.yml does not name its targets as this script expects")
        (folder / "prometheus.yml").write_text(config)
        start(
            folder / "prometheus.log",
            "prometheus", f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/prometheus", f"--web.listen-address=127.0.0.1:{self.port}",
        )
        until("Prometheus is ready", lambda: get(f"http://127.0.0.1:{self.port}/-/ready"))

    def watch(self, *collectors):
        """Has these scraped, and no others."""
        groups = [
            {"targets": [one.instance], "labels": {"__scheme__": one.scheme}} for one in collectors
        ]
        written = self.targets.with_suffix(".new")
        written.write_text(json.dumps(groups))
        written.rename(self.targets)

    def ask(self, path, **words):
        query = urllib.parse.urlencode(words)
        return json.loads(get(f"http://127.0.0.1:{self.port}/api/v1/{path}?{query}"))["data"]

    def numbers(self, query):
        """The values of a query that are numbers: a quantile of nothing is none."""
        found = [float(row["value"][1]) for row in self.ask("query", query=query)["result"]]
        return [number for number in found if not math.isnan(number)]

    def rules(self):
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]

    def firing(self, instance=None):
        """The names of alerts that fire; of one node, or of any."""
        return {
            alert["labels"]["alertname"] for alert in self.ask("alerts")["alerts"]
            if alert["state"] == "firing" and instance in (None, alert["labels"].get("instance"))
        }
