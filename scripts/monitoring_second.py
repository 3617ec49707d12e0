"""A second site, on which everything is small, old or nearly over: disk, certificates, clock, bounds."""

import os
import resource
import shutil
import subprocess

from monitoring_site import Collector, mount, say, sql, until

DISK_BYTES = 64 << 20
# Of the agents' connections, of which more than nine in ten are taken.
CONNECTIONS_MAX = 20
AGENTS = 19
SEGMENT_BYTES = 1 << 20


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def certificate(folder, name, days, *more):
    """A key and a certificate of its own that ends in some days."""
    key, crt = folder / f"{name}.key", folder / f"{name}.crt"
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
    key.chmod(0o600)
    openssl("req", "-x509", "-new", "-key", key, "-days", days, "-out", crt, *more)
    return key, crt


class Second:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.data = folder / "data"
        self.data.mkdir()
        # Nothing but root may mount; elsewhere the disk is this machine's.
        self.has_disk = mount(self.data, DISK_BYTES)
        authority = self.data / "ca"
        authority.mkdir(mode=0o700)
        certificate(authority, "ca", 60, "-subj", "/CN=Muster of sixty days",
                    "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        web = certificate(folder, "web", 5, "-subj", "/CN=127.0.0.1")
        sql("CREATE DATABASE second")
        self.database = os.environ["DATABASE_URL"].replace("/postgres?", "/second?")
        self.collector = Collector(
            folder, self.data, self.database, "https",
            MUSTER_HTTP_KEY_FILE=str(web[0]),
            MUSTER_HTTP_CERTIFICATE_FILE=str(web[1]),
            MUSTER_INGEST_CONNECTIONS_MAX=str(CONNECTIONS_MAX),
            MUSTER_QUEUE_SEGMENT_BYTES=str(SEGMENT_BYTES),
            MUSTER_QUEUE_BYTES_MAX=str(2 * SEGMENT_BYTES),
        ).found()
        # The rule takes the newest of all that answer.
        sql("UPDATE backups SET made_at = now() - interval '3 days'", self.database)
        self.queue = self.data / "queue"

    def set_clock_back(self):
        """A database whose clock is a minute late: connections from now on see it."""
        sql("""CREATE SCHEMA late;
               CREATE FUNCTION late.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
                 AS $$SELECT pg_catalog.clock_timestamp() - interval '1 minute'$$;
               CREATE FUNCTION late.now() RETURNS timestamptz LANGUAGE sql STABLE
                 AS $$SELECT pg_catalog.now() - interval '1 minute'$$;
               GRANT USAGE ON SCHEMA late TO PUBLIC;
               ALTER DATABASE second SET search_path = public, late, pg_catalog""", self.database)

    def set_clock_right(self):
        sql("ALTER DATABASE second RESET search_path", self.database)

    def fill_disk(self):
        free = shutil.disk_usage(self.data).free
        (self.data / "ballast").write_bytes(bytes(free - DISK_BYTES // 50))

    def clear_disk(self):
        (self.data / "ballast").unlink()

    def allow_files(self, more=None):
        """Lets the process open a few more files than it has; without a number as many as before."""
        process = self.collector.process.pid
        if more is None:
            resource.prlimit(process, resource.RLIMIT_NOFILE, self.files)
            return
        self.files = resource.prlimit(process, resource.RLIMIT_NOFILE)
        has = len(os.listdir(f"/proc/{process}/fd"))
        resource.prlimit(process, resource.RLIMIT_NOFILE, (has + more, self.files[1]))

    def renew_web_certificate(self):
        key, crt = certificate(self.folder, "next", 90, "-subj", "/CN=127.0.0.1")
        key.rename(self.folder / "web.key")
        crt.rename(self.folder / "web.crt")

    def fleet(self, *words):
        return self.collector.fleet("--agents", AGENTS, "--touch", "hold", "--state", self.folder / "hosts",
                                    "--change-every-s", 0, "--seconds", 600, *words)


def cause_at_rest(second, alerts, prometheus):
    """What fires of what this site is, and what does when it is a little tried. Gives its fleet."""
    second.set_clock_back()
    second.collector.serve()
    at = second.collector.instance
    fleet = second.fleet("--apps", 20)
    if second.has_disk:
        second.fill_disk()
    else:
        say("this is not root: the disk is left alone")
    alerts.expect("MusterClockOff", "MusterCertificateExpires", "MusterWebCertificateExpires",
                  "MusterConnectionsFull", at=at)
    if second.has_disk:
        alerts.expect("MusterDiskLow", "MusterDiskFull", at=at)
        second.clear_disk()
    second.allow_files(8)
    alerts.expect("MusterFilesFull", at=at)
    second.allow_files()
    second.renew_web_certificate()
    alerts.ended("MusterFilesFull", at=at)
    return fleet


def lose_the_queue(second):
    """A crash after which the disk with the queue is another one."""
    waiting = until("reports wait at the second site",
                    lambda: sum(file.stat().st_size for file in second.queue.glob("*.segment")))
    second.collector.crash()
    shutil.rmtree(second.queue)
    say(f"lost a queue of {waiting >> 10} KiB")
