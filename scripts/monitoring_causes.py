"""What makes alerts fire at the collector that everything runs against, each by its real cause.

Where an hour or a day would be waited for, the database is told that it went by.
"""

import os
import subprocess
import time
import urllib.error

from monitoring_receivers import Mail, Webhook
from monitoring_site import Collector, Person, fail, get, say, sql, stop, until

# How many times an index is exchanged: more than one failure in ten seconds, over five minutes.
EXCHANGES = 60


class Alerts:
    """What fired so far, and how a cause waits for it."""

    def __init__(self, prometheus, table):
        self.prometheus, self.table, self.fired = prometheus, table, set()

    def expect(self, *names, at=None, meanwhile=lambda: None):
        """Waits until each fires, at one node or at any; `meanwhile` is done again and again."""
        for name in names:
            began = time.monotonic()
            if name not in self.table:
                fail(f"{name} is not in the table of what this script causes")

            def is_firing():
                meanwhile()
                return name in self.prometheus.firing(at)

            until(f"{name} fires", is_firing)
            self.fired.add(name)
            say(f"{name} fires, {time.monotonic() - began:.0f} s later: {self.table[name]}")

    def ended(self, *names, at=None):
        for name in names:
            until(f"{name} ends", lambda: name not in self.prometheus.firing(at))
        say(f"ended: {', '.join(names)}")


def settings(mail, hook):
    """What the collector has to be started with for the causes below."""
    return {
        "MUSTER_MAIL_HOST": "127.0.0.1",
        "MUSTER_MAIL_PORT": str(mail.port),
        "MUSTER_MAIL_TLS": "none",
        "MUSTER_MAIL_FROM": "Muster <muster@example.org>",
        "MUSTER_OIDC_PUBLIC_URL": "https://muster.example",
        "MUSTER_WEBHOOKS_ALLOW_HTTP": "true",
        "MUSTER_WEBHOOKS_ALLOWED_NETWORKS": "127.0.0.0/8",
    }


def receivers():
    return Mail(), Webhook()


def change_the_site():
    """What the measures of the site see: they come every half minute."""
    sql("UPDATE feeds SET last_success_at = now() - interval '30 days'")
    sql("UPDATE backups SET made_at = now() - interval '3 days'")
    sql("UPDATE agents SET certificate_expires_at = now() + interval '2 days', last_seen_at = now()")
    sql("""INSERT INTO companies (id, name, created_at)
           SELECT gen_random_uuid(), 'Silent ' || n, now() FROM generate_series(1, 2) n;
           INSERT INTO agents (company_key, id, hostname, enrolled_at, last_seen_at)
           SELECT key, gen_random_uuid(), 'quiet', now(), now() - interval '1 hour'
           FROM companies WHERE name LIKE 'Silent%'""")


def change_it_back():
    sql("UPDATE feeds SET last_success_at = now()")
    sql("UPDATE backups SET made_at = now()")
    sql("UPDATE agents SET certificate_expires_at = now() + interval '30 days', last_seen_at = now()")


def lose_a_node(collector):
    """Another node of the site, which is there and then is not. Gives it."""
    folder = collector.folder / "other"
    (folder / "data").mkdir(parents=True)
    other = Collector(folder, folder / "data", MUSTER_AUTHORITY_DIR=str(collector.data / "ca"))
    other.serve()
    other.crash()
    return other


def bring_back(other):
    """It comes again, and ends in order."""
    other.serve()
    stop(other.process)


def refuse_reports(collector, alerts):
    # A database that refuses every new piece of software: what these hosts have can never be stored.
    sql("ALTER TABLE software ADD CONSTRAINT refused CHECK (false) NOT VALID")
    others = collector.fleet("--agents", 3, "--apps", 20, "--seed", 99, "--seconds", 3, "--settle-s", 5)
    alerts.expect("MusterDeadLetters")
    others.wait()
    sql("ALTER TABLE software DROP CONSTRAINT refused")


class Messages:
    """A webhook and a person's digest, and whoever is told of them."""

    def __init__(self, collector, mail, hook):
        self.mail, self.by_key = mail, Person(collector, collector.key)
        body = {"name": "refuses", "url": f"http://127.0.0.1:{hook.port}/", "kinds": ["finding.opened"]}
        made = self.by_key.send("POST", "/webhooks", body)
        self.hook = f"/webhooks/{made['id']}"
        address, password = "reader@example.org", "a password of nobody 17"
        invited = self.by_key.send("POST", "/invitations", {"email": address, "role": "admin"})
        self.reader = Person(collector)
        said = {"token": invited["token"], "name": "Reader", "password": password}
        self.reader.send("POST", "/invitations/accept", said)
        self.reader.send("POST", "/sessions", {"email": address, "password": password})
        self.reader.send("PUT", "/me/digest", {"at": "06:30"}, **{"If-Match": "*"})

    def wait_for_an_hour(self):
        """A message to each that is put off, and then has been waiting for two hours."""
        self.mail.to_recipients = "451 later"
        self.by_key.send("POST", f"{self.hook}/test")
        self.reader.send("POST", "/me/digest/test")
        for table in ("webhook_deliveries", "digest_messages"):
            tried = f"SELECT count(*) FROM {table} WHERE attempts > 0 AND state = 'pending'"
            until(f"a message of {table} is put off", lambda: int(sql(tried)))
            sql(f"UPDATE {table} SET created_at = now() - interval '2 hours'")

    def give_up(self):
        """Both are tried once more: the mail is refused for good, the webhook's day is over."""
        self.mail.to_recipients = "550 no such person"
        sql("UPDATE digest_messages SET next_at = now() WHERE state = 'pending'")
        sql("UPDATE webhook_deliveries SET next_at = now(), gives_up_at = now() WHERE state = 'pending'")
        # Its round takes the other one along.
        self.reader.send("POST", "/me/digest/test")

    def refuse_the_job(self, alerts):
        """The job that sends mail cannot take messages any more, and is at its last try."""
        self.mail.to_recipients = "250 taken"
        sql("ALTER TABLE digest_messages ADD CONSTRAINT refused CHECK (leased_until IS NULL) NOT VALID")
        self.reader.send("POST", "/me/digest/test")
        last = ("UPDATE jobs SET attempts = 7, run_after = now()"
                " WHERE kind = 'send_mail' AND state = 'queued' AND attempts > 0")
        alerts.expect("MusterJobsFailing", meanwhile=lambda: sql(last))
        sql("ALTER TABLE digest_messages DROP CONSTRAINT refused")


def break_the_index(collector):
    """An index that cannot be read comes in place of the good one, again and again; then that one is back."""
    folder = collector.data / "index"
    current, aside = folder / "current", folder / "good"
    os.link(current, aside)
    for number in range(EXCHANGES):
        bad = folder / "bad"
        bad.write_text(f"this is no index, {number}\n")
        bad.rename(current)
        # Longer than the watch sleeps between two looks.
        time.sleep(0.3)
    aside.rename(current)


def ask_in_vain(collector):
    """Some requests while the database is away."""
    for _ in range(10):
        try:
            get(f"http://{collector.instance}/api/v1/hosts", collector.key)
        except urllib.error.HTTPError:
            # Which is what is caused.
            continue


def end_of_outage(alerts):
    subprocess.run([os.environ["MUSTER_PG_CTL"], "start"], check=True)
    alerts.ended("MusterDatabaseAway", "MusterRevocationsLate")


def damage(queue):
    """Flips a byte in the middle of what is in each of a queue's files; gives how many files that were."""
    files = sorted(queue.glob("*.segment"))
    for file in files:
        content = bytearray(file.read_bytes())
        content[len(content.rstrip(b"\0")) // 2] ^= 0xFF
        file.write_bytes(content)
    return len(files)
