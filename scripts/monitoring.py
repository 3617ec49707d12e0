"""What `scripts/monitoring.sh test` does with a collector, a fleet and a Prometheus, all real.

Every alert is made to fire by what it is about, but for those of `NOT_CAUSED`. Alerts wait for minutes so that
nobody is woken by a hiccup; here they wait for a second, and Prometheus looks every second. Everything that is
started is gone afterwards.
"""

import json
import os
import pathlib
import re
import subprocess
import tempfile

import monitoring_causes as causes
import monitoring_second as second_site
from monitoring_site import MONITORING, ROOT, Collector, Prometheus, end_all, fail, say, stop, until

# Each alert of rules.yml is here, with what makes it fire, or below, with why nothing does.
CAUSED = {
    "MusterNodeDown": "a node was stopped",
    "MusterDatabaseAway": "PostgreSQL was stopped",
    "MusterBackupOld": "the newest backup was made three days ago",
    "MusterDiskLow": "a disk of 64 MiB was filled",
    "MusterDiskFull": "a disk of 64 MiB was filled",
    "MusterCertificateExpires": "an authority ends in sixty days",
    "MusterWebCertificateExpires": "the API's certificate ends in five days",
    "MusterClockOff": "a database's clock is a minute late",
    "MusterRevocationsLate": "PostgreSQL was stopped",
    "MusterConnectionsFull": "19 agents hold the 20 connections of a node",
    "MusterFilesFull": "a node may open eight files more than it has",
    "MusterApiFailing": "requests came while PostgreSQL was stopped",
    "MusterQueueLong": "hosts changed while PostgreSQL was stopped",
    "MusterQueueOld": "hosts changed while PostgreSQL was stopped",
    "MusterProcessingSlow": "PostgreSQL was started again, and what had waited was stored",
    "MusterQueueFull": "inventories came to a queue of 2 MiB while PostgreSQL was stopped",
    "MusterQueueDamaged": "a node was killed, and a byte of its queue flipped",
    "MusterDeadLetters": "the database refuses every new piece of software",
    "MusterEnrichmentFailing": "an index was exchanged sixty times for one that cannot be read",
    "MusterNoIndex": "a node serves before the first import of a feed",
    "MusterFeedOld": "feeds were imported thirty days ago",
    "MusterNodeGone": "a node was killed",
    "MusterSiteUnmeasured": "the node that does jobs was stopped, and another one lives",
    "MusterCompanySilent": "a company's host was heard of an hour ago",
    "MusterCompaniesSilent": "two companies of three are silent",
    "MusterAgentCertificatesExpire": "agents that are there have certificates that end in two days",
    "MusterAgentsBehind": "a node was killed, and its queue with acknowledged inventories is gone",
    "MusterJobsFailing": "the database refuses what the job that sends mail writes",
    "MusterWebhooksGivenUp": "a receiver answers 500 until the message's day is over",
    "MusterWebhooksLate": "a receiver answers 500 for two hours",
    "MusterMailGivenUp": "a server answers 550",
    "MusterMailLate": "a server answers 451 for two hours",
}
NOT_CAUSED = {
    "MusterReportsUnended": "only a bug in a worker drops a report; the worker's own test does",
}
# Only root may mount a small disk.
NOT_CAUSED_BY_OTHERS = {"MusterDiskLow", "MusterDiskFull"}


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


def check_table():
    """Before anything is started: a rule that nobody thought of here is one that nobody saw firing."""
    rules = set(re.findall(r"- alert: (\w+)", (MONITORING / "prometheus/rules.yml").read_text()))
    named = CAUSED.keys() | NOT_CAUSED.keys()
    if rules != named:
        fail(f"not in the tables of this script: {sorted(rules - named)}; in no rule: {sorted(named - rules)}")
    return rules


def check_rules(prometheus, expected):
    rules = until("every rule was evaluated", lambda: prometheus.rules() and all(
        rule["health"] == "ok" for rule in prometheus.rules()) and prometheus.rules())
    if len(rules) != len(expected):
        fail(f"{len(rules)} rules of {len(expected)} are there")
    say(f"all {len(rules)} rules evaluate")


def check_quiet(prometheus, collector, expected):
    """That nothing fires while nothing has happened."""
    fleet = collector.fleet("--agents", 60, "--apps", 20, "--state", collector.folder / "hosts",
                            "--change-every-s", 2, "--seconds", 60, "--settle-s", 30)
    until("the API shows hosts", lambda: collector.api("/hosts")["items"])
    check_rules(prometheus, expected)
    check_dashboards(prometheus)
    fleet.wait()
    early = prometheus.firing()
    # What depends on this machine and not on Muster.
    if early - {"MusterDiskLow", "MusterDiskFull"}:
        fail(f"nothing has happened yet, and these fire: {sorted(early)}")
    say("nothing has happened yet, and nothing fires")


def cause_no_index(collector, alerts):
    collector.serve()
    alerts.expect("MusterNoIndex")
    collector.run("feed", "import", ROOT / "enrichment/data/feed")
    alerts.ended("MusterNoIndex")


def cause_while_all_is_up(collector, second, prometheus, alerts, receivers):
    """Gives the fleet of the second site."""
    messages = causes.Messages(collector, *receivers)
    messages.wait_for_an_hour()
    other = causes.lose_a_node(collector)
    causes.change_the_site()
    prometheus.watch(collector, second.collector)
    fleet = second_site.cause_at_rest(second, alerts, prometheus)
    causes.refuse_reports(collector, alerts)
    alerts.expect("MusterNodeGone", "MusterCompanySilent", "MusterCompaniesSilent",
                  "MusterAgentCertificatesExpire", "MusterFeedOld", "MusterBackupOld", "MusterWebhooksLate",
                  "MusterMailLate")
    causes.change_it_back()
    causes.bring_back(other)
    messages.give_up()
    alerts.expect("MusterWebhooksGivenUp", "MusterMailGivenUp")
    causes.break_the_index(collector)
    alerts.expect("MusterEnrichmentFailing")
    messages.refuse_the_job(alerts)
    alerts.ended("MusterNodeGone", "MusterCompanySilent", "MusterCompaniesSilent", "MusterFeedOld", "MusterBackupOld",
                 "MusterAgentCertificatesExpire", "MusterWebhooksLate", "MusterMailLate")
    ended = ["MusterDiskLow", "MusterDiskFull"] if second.has_disk else []
    alerts.ended("MusterWebCertificateExpires", *ended, at=second.collector.instance)
    return fleet


def cause_an_outage(collector, second, alerts, small_fleet):
    stop(small_fleet)
    subprocess.run([os.environ["MUSTER_PG_CTL"], "stop"], check=True)
    # Sixty hosts that change every second: a thousand reports in twenty seconds.
    fleet = collector.fleet("--agents", 60, "--apps", 20, "--state", collector.folder / "hosts",
                            "--change-every-s", 1, "--seconds", 45, "--settle-s", 1)
    # Whole inventories, more than the first of two files of the queue holds, and nothing after them that would
    # show by its number what was lost.
    small_fleet = second.fleet("--apps", 3500, "--heartbeat-every-s", 45)
    alerts.expect("MusterDatabaseAway", "MusterRevocationsLate")
    alerts.expect("MusterQueueFull", at=second.collector.instance)
    alerts.expect("MusterApiFailing", meanwhile=lambda: causes.ask_in_vain(collector))
    alerts.expect("MusterQueueOld", "MusterQueueLong")
    stop(fleet)
    collector.crash()
    if not causes.damage(collector.data / "queue"):
        fail("there is no file of the queue to damage")
    second_site.lose_the_queue(second)
    subprocess.run([os.environ["MUSTER_PG_CTL"], "start"], check=True)
    second.set_clock_right()
    collector.serve()
    second.collector.serve()
    alerts.expect("MusterQueueDamaged", "MusterProcessingSlow", at=collector.instance)
    alerts.expect("MusterAgentsBehind")
    alerts.ended("MusterDatabaseAway", "MusterRevocationsLate", "MusterQueueOld", "MusterQueueLong",
                 "MusterQueueFull", "MusterClockOff", "MusterAgentsBehind")
    until("the queue is empty", lambda: max(alerts.prometheus.numbers("sum(muster_queue_reports)")) == 0)
    say("with the database back, the queue emptied and its alerts ended")
    stop(small_fleet)
    alerts.ended("MusterConnectionsFull", at=second.collector.instance)


def cause_the_end(collector, second, alerts):
    stop(second.collector.process)
    second.collector.environment["MUSTER_ROLES"] = "ingest,api"
    second.collector.serve()
    stop(collector.process)
    alerts.expect("MusterNodeDown", at=collector.instance)
    alerts.expect("MusterSiteUnmeasured")
    collector.serve()
    # What was damaged was counted by the process before.
    query = f'muster_queue_damaged_total{{instance="{collector.instance}"}}'
    until("the next process is scraped", lambda: alerts.prometheus.numbers(query) == [0])
    alerts.ended("MusterNodeDown", "MusterQueueDamaged", at=collector.instance)
    alerts.ended("MusterSiteUnmeasured")


def tell(alerts, second):
    left_out = set() if second.has_disk else NOT_CAUSED_BY_OTHERS
    missed = CAUSED.keys() - left_out - alerts.fired
    if missed:
        fail(f"never seen firing: {sorted(missed)}")
    say(f"{len(alerts.fired)} of {len(CAUSED) + len(NOT_CAUSED)} alerts fired for real")
    for name in sorted(left_out):
        say(f"not {name}: only root may mount a small disk")
    for name, why in NOT_CAUSED.items():
        say(f"not {name}: {why}")


def main(folder):
    expected = check_table()
    receivers = causes.receivers()
    (folder / "data").mkdir()
    collector = Collector(folder, folder / "data", **causes.settings(*receivers)).found()
    prometheus = Prometheus(folder)
    prometheus.watch(collector)
    alerts = causes.Alerts(prometheus, CAUSED)
    cause_no_index(collector, alerts)
    check_quiet(prometheus, collector, expected)
    second = second_site.Second(folder / "second")
    small_fleet = cause_while_all_is_up(collector, second, prometheus, alerts, receivers)
    cause_an_outage(collector, second, alerts, small_fleet)
    cause_the_end(collector, second, alerts)
    tell(alerts, second)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="muster-monitoring.") as name:
        try:
            main(pathlib.Path(name))
        except BaseException:
            for log in sorted(pathlib.Path(name).rglob("*.log")):
                lines = log.read_text(errors="replace").splitlines()[-15:]
                say(f"the end of {log.name}:\n" + "\n".join(lines))
            raise
        finally:
            end_all()
