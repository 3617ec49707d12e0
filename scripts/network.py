"""A bad network between the real agent and a real collector; started by network.sh.

Each row enrols a new host over a good network, makes the network bad (network_way.py), starts the agent, and waits
until its first report is acknowledged.
"""

import base64
import json
import os
import select
import socket
import ssl
import subprocess
import sys
import threading
import time

from network_way import AGENT, FOREIGN_PORT, INSPECTION_PORT, PORT, SITE, Network, run

BINARIES, FOLDER, WANTED = sys.argv[1], sys.argv[2], sys.argv[3:]
MOVED = "10.78.1.77"
PROXY_PORT = 3128
WITHIN_S = 15.0
BACK_WITHIN_S = 30 * 60


def within(namespace):
    """Makes the sockets of this thread those of a namespace."""
    with open(f"/var/run/netns/{namespace}") as handle:
        # setns(2), by its number's wrapper in libc.
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(handle.fileno(), 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def serve(namespace, port, handle):
    """Answers every connection to a port of a namespace in a thread of its own."""
    ready = threading.Event()

    def accept():
        within(namespace)
        listener = socket.create_server(("0.0.0.0", port), backlog=64)
        ready.set()
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=in_namespace, args=(connection,), daemon=True).start()

    def in_namespace(connection):
        within(namespace)
        try:
            handle(connection)
        except OSError:
            pass
        finally:
            connection.close()

    threading.Thread(target=accept, daemon=True).start()
    ready.wait(10)


class Proxy:
    """An HTTP proxy, for everybody or for those with a password."""

    def __init__(self):
        self.password = None
        serve("mnet-site", PROXY_PORT, self.lead)

    def lead(self, connection):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = connection.recv(1)
            if not byte:
                return
            head += byte
        wanted = self.password and b"Proxy-Authorization: Basic " + base64.b64encode(self.password)
        if wanted and wanted not in head:
            connection.sendall(b'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="matrix"\r\n\r\n')
            return
        host, port = head.split(b" ")[1].decode().rsplit(":", 1)
        with socket.create_connection((host, int(port))) as other:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            ends = {connection: other, other: connection}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)


class Inspection:
    """Somebody who opens TLS with an authority of his own."""

    def __init__(self):
        self.heard = 0
        certificate = f"{FOLDER}/inspection.pem"
        run(
            *("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30").split(),
            *("-subj", "/CN=Corporate Inspection", "-addext", "subjectAltName=DNS:collector.muster.internal"),
            *("-keyout", certificate + ".key", "-out", certificate),
        )
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate, certificate + ".key")
        self.tls.set_alpn_protocols(["muster/1", "muster-enrol/1"])
        serve("mnet-site", INSPECTION_PORT, self.open)

    def open(self, connection):
        with self.tls.wrap_socket(connection, server_side=True) as inside:
            self.heard += len(inside.recv(65536))


class Collector:
    """The collector, as a process that comes and goes."""

    def __init__(self):
        self.data = f"{FOLDER}/collector"
        self.environment = {
            **os.environ,
            "MUSTER_FEEDS_SYNC": "false",
            "MUSTER_INGEST_ADDRESSES": f"{SITE}:{PORT}",
            "MUSTER_INGEST_ENROLMENTS_PER_MINUTE": "6000",
        }
        self.process = None
        self.start()
        self.say("company", "create", "Matrix")

    def say(self, *words):
        line = [f"{BINARIES}/muster-collector", "--data-dir", self.data, "--json", *words]
        return json.loads(run(*line, env=self.environment))

    def start(self):
        line = [f"{BINARIES}/muster-collector", "--data-dir", self.data, "serve"]
        line += ["--listen", f"0.0.0.0:{PORT}", "--http", "127.0.0.1:7080"]
        log = open(f"{FOLDER}/collector.log", "ab")
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", "mnet-site", *line], env=self.environment, stdout=log, stderr=log
        )
        probe = ["ip", "netns", "exec", "mnet-site", "sh", "-c", f"ss -Htln | grep -q :{PORT}"]
        until = time.monotonic() + 60
        while subprocess.run(probe, capture_output=True).returncode != 0:
            if time.monotonic() > until:
                raise SystemExit("the collector does not start")
            time.sleep(0.1)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def token(self):
        return self.say("token", "create", "--company", "Matrix")["token"]

    def records(self, agent):
        query = f"SELECT digest_count FROM agents WHERE id = '{agent}'"
        return int(run("psql", "-XAtq", os.environ["DATABASE_URL"], "-c", query).strip() or 0)

    def connection(self, agent):
        query = f"SELECT transport || ' ' || coalesce(not_quic, '-') FROM agents WHERE id = '{agent}'"
        return run("psql", "-XAtq", os.environ["DATABASE_URL"], "-c", query).strip()


class Agent:
    """A host of its own for a row: a state, a package database, a process."""

    number = 0

    def __init__(self, packages=300, **environment):
        Agent.number += 1
        self.folder = f"{FOLDER}/agent{Agent.number}"
        self.environment = {
            "MUSTER_STATE_DIR": f"{self.folder}/state",
            "MUSTER_SCAN_ROOT": f"{self.folder}/root",
            "MUSTER_LOG_LEVEL": "debug",
            **environment,
        }
        self.process = None
        os.makedirs(f"{self.folder}/root/var/lib/dpkg")
        os.makedirs(f"{self.folder}/root/etc")
        with open(f"{self.folder}/root/etc/os-release", "w") as release:
            release.write('ID=debian\nVERSION_ID="12"\n')
        self.install(packages)

    def install(self, packages):
        self.packages = packages
        text = "".join(
            f"Package: package-{n}\nStatus: install ok installed\nArchitecture: amd64\n"
            f"Maintainer: Somebody <somebody@example.org>\nVersion: 1.{n}-1\n\n"
            for n in range(packages)
        )
        path = f"{self.folder}/root/var/lib/dpkg/status"
        with open(path + ".new", "w") as status:
            status.write(text)
        os.rename(path + ".new", path)

    def line(self, *words):
        return ["ip", "netns", "exec", "mnet-agent", f"{BINARIES}/muster-agent", *words]

    def enrol(self, token):
        environment = {name: self.environment[name] for name in ("MUSTER_STATE_DIR", "MUSTER_SCAN_ROOT")}
        run(*self.line("enroll", "--token-file", "-"), input=token, env={**os.environ, **environment})

    def start(self):
        log = open(f"{self.folder}/log", "ab")
        environment = {**os.environ, **self.environment}
        self.process = subprocess.Popen(self.line("run"), env=environment, stdout=log, stderr=log)

    def status(self):
        environment = {**os.environ, **self.environment}
        said = subprocess.run(self.line("status", "--json"), env=environment, capture_output=True, text=True)
        return json.loads(said.stdout) if said.stdout else None

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()


def until(condition, seconds, every_s=0.05):
    """The seconds after which something holds; None when it does not in time."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if condition():
            return time.monotonic() - began
        time.sleep(every_s)
    return None


def acknowledged(agent):
    status = agent.status()
    # Empty until the agent has opened its spool.
    return bool(status) and status["spool"]["acknowledged"] not in ("", "0.0")


def complete(agent, collector, who):
    status = agent.status()
    is_sent = bool(status) and status["spool"]["waiting_reports"] == 0
    return is_sent and collector.records(who) == agent.packages


class Matrix:
    def __init__(self):
        self.network = Network()
        self.collector = Collector()
        self.proxy = Proxy()
        self.inspection = Inspection()
        self.bad = 0

    def row(self, name, way, rules, meanwhile=None, **environment):
        """Measures a network: the time to the first acknowledged report, the way, and what was lost."""
        name = name.replace(" ", "_")
        if WANTED and name not in WANTED:
            return
        self.network.set()
        agent = Agent(**environment)
        agent.enrol(self.collector.token())
        self.network.set(**rules)
        agent.start()
        took = until(lambda: acknowledged(agent), 60)
        status = agent.status() or {}
        who = (status.get("enrolment") or {}).get("agent", "")
        path = (status.get("connection") or {}).get("path") or {}
        after = meanwhile(agent, who) if meanwhile and took else {}
        whole = until(lambda: complete(agent, self.collector, who), 90)
        lost = agent.packages - self.collector.records(who)
        taken = " ".join([path.get("way", "none"), path.get("not_quic") or "-"])
        is_told = until(lambda: self.collector.connection(who) != "", 10)
        answer = {
            "row": name,
            "first_ack_s": round(took, 2) if took else None,
            "way": path.get("way"),
            "not_quic": path.get("not_quic"),
            "host_row": self.collector.connection(who) if is_told is not None else None,
            "lost": lost,
            **after,
        }
        is_good = took is not None and took <= WITHIN_S and whole is not None and lost == 0
        self.tell(answer, is_good and taken in way and after.get("good", True))
        agent.stop()

    def refused(self, name, rules, words):
        """Measures a network that must not be gone through: what is said, and what was given away."""
        name = name.replace(" ", "_")
        if WANTED and name not in WANTED:
            return
        self.network.set()
        agent = Agent()
        agent.enrol(self.collector.token())
        self.network.set(**rules)
        agent.start()

        def problem():
            status = agent.status()
            return (status and status["connection"]["last_problem"]) or ""

        took = until(lambda: words in problem(), 30)
        answer = {
            "row": name,
            "refused_after_s": round(took, 2) if took else None,
            "says": problem(),
            "bytes_given_away": self.inspection.heard,
            "acknowledged": acknowledged(agent),
        }
        self.tell(answer, took is not None and not answer["acknowledged"] and self.inspection.heard == 0)
        agent.stop()

    def tell(self, answer, is_good):
        answer["good"] = is_good
        self.bad += not is_good
        print(json.dumps(answer), flush=True)

    def rebinding(self, agent, who):
        """A change that is delivered after the router has forgotten the connection."""
        self.network.rebind()
        return self.delivers_again(agent, who)

    def address_change(self, agent, who):
        inside = ["ip", "-n", "mnet-agent"]
        run(*inside, "address", "add", f"{MOVED}/32", "dev", "mnet0")
        run(*inside, "address", "del", f"{AGENT}/32", "dev", "mnet0")
        run(*inside, "route", "replace", "default", "dev", "mnet0", "src", MOVED)
        after = self.delivers_again(agent, who)
        run(*inside, "address", "add", f"{AGENT}/32", "dev", "mnet0")
        run(*inside, "address", "del", f"{MOVED}/32", "dev", "mnet0")
        run(*inside, "route", "replace", "default", "dev", "mnet0", "src", AGENT)
        return after

    def delivers_again(self, agent, who):
        agent.install(agent.packages + 5)
        environment = {**os.environ, **agent.environment}
        subprocess.run(agent.line("scan"), env=environment, capture_output=True)
        took = until(lambda: complete(agent, self.collector, who), 90)
        return {"change_delivered_s": round(took, 2) if took else None, "good": took is not None}

    def back_to_quic(self, agent, who):
        """The network lets UDP through again, and the agent finds out by itself."""
        self.network.set()
        changed = until(lambda: self.collector.connection(who).startswith("quic"), BACK_WITHIN_S, 1)
        agent.install(agent.packages + 5)
        environment = {**os.environ, **agent.environment}
        subprocess.run(agent.line("scan"), env=environment, capture_output=True)
        return {"quic_again_after_s": round(changed, 1) if changed else None, "good": changed is not None}

    def away(self, seconds):
        """The collector is away, the host changes, and the collector comes back."""

        def meanwhile(agent, who):
            self.collector.kill()
            agent.install(agent.packages + 5)
            environment = {**os.environ, **agent.environment}
            subprocess.run(agent.line("scan"), env=environment, capture_output=True)
            time.sleep(seconds)
            self.collector.start()
            took = until(lambda: complete(agent, self.collector, who), 330)
            return {
                "away_s": seconds,
                "delivered_after_return_s": round(took, 2) if took else None,
                "good": took is not None,
            }

        return meanwhile

    def run(self):
        quic, tcp, proxy = ["quic -"], "tcp ", "proxy "
        either = quic + [tcp + "no_answer"]
        self.row("clean", quic, {})
        self.row("udp dropped", [tcp + "no_answer"], {"udp": "drop"})
        self.row("udp rejected", [tcp + "refused"], {"udp": "reject"})
        if os.path.exists(f"{BINARIES}/examples/foreign_quic"):
            line = ["ip", "netns", "exec", "mnet-site", f"{BINARIES}/examples/foreign_quic", str(FOREIGN_PORT)]
            with subprocess.Popen(line) as foreign:
                self.row("alpn rejected", [tcp + "handshake"], {"udp": "foreign"})
                foreign.kill()
        for loss in (0.01, 0.1, 0.3):
            self.row(f"loss {loss:.0%}", either, {"loss": loss})
        self.row("delay 500 ms", either, {"delay_s": 0.5})
        self.row("mtu 1280", quic, {"mtu": 1280})
        self.row("nat rebinding", quic, {"nat": 20000}, self.rebinding)
        self.row("nat rebinding over tcp", [tcp + "no_answer"], {"nat": 20000, "udp": "drop"}, self.rebinding)
        self.row("address change", quic, {}, self.address_change)
        self.row("address change over tcp", [tcp + "no_answer"], {"udp": "drop"}, self.address_change)
        blocked = {"udp": "drop", "tcp": "drop"}
        self.row("proxy", [proxy + "no_answer"], blocked, MUSTER_PROXY=f"http://{SITE}:{PROXY_PORT}")
        self.proxy.password = b"agent:secret"
        address = f"http://agent:secret@{SITE}:{PROXY_PORT}"
        self.row("proxy with password", [proxy + "no_answer"], blocked, MUSTER_PROXY=address)
        self.refused("tls intercepted", {"udp": "drop", "tcp": "inspected"}, "Corporate Inspection")
        # The longest of all: only by its name.
        if "back_to_quic" in WANTED:
            self.row("back to quic", [tcp + "no_answer"], {"udp": "drop"}, self.back_to_quic)
        self.row("collector away", quic, {}, self.away(int(os.environ.get("AWAY_S", "60"))))
        self.collector.kill()
        return self.bad


sys.exit(1 if Matrix().run() else 0)
