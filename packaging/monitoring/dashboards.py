#!/usr/bin/env python3
"""Writes the Grafana dashboards in grafana/ from the panels below.

    packaging/monitoring/dashboards.py            writes them anew
    packaging/monitoring/dashboards.py --check    fails when one is not what would be written
    packaging/monitoring/dashboards.py --queries  prints every query, a JSON object a line

A dashboard that is exported by hand is a thousand lines of which three matter; here a panel is a line.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent / "grafana"
I = 'instance=~"$instance"'
R = "[$__rate_interval]"


def rate(metric, labels="", by=""):
    """The rate of a counter over the chosen nodes."""
    inside = ", ".join(part for part in (I, labels) if part)
    return f"sum{f' by ({by}) ' if by else ''}(rate({metric}{{{inside}}}{R}))"


def quantile(q, metric, labels="", by=""):
    """A quantile of a histogram over the chosen nodes."""
    inside = ", ".join(part for part in (I, labels) if part)
    by = f"{by}, le" if by else "le"
    return f"histogram_quantile({q}, sum by ({by}) (rate({metric}_bucket{{{inside}}}{R})))"


def quantiles(metric, labels=""):
    return [(quantile(q, metric, labels), name) for q, name in ((0.5, "half"), (0.95, "95 %"), (0.99, "99 %"))]


# A panel: title, unit, queries with what their lines are called, and what people should know of it. Without
# a name for its line a panel shows one number.
DASHBOARDS = {
    "overview": (
        "Muster: overview",
        [
            ("Nodes that answer", "none", [('sum(up{job="muster"})', None)], "Of those that are scraped."),
            ("Agents heard of within an hour", "none", [('max(muster_agents{seen="hour"})', None)], ""),
            ("Silent companies", "none", [("max(muster_companies_silent)", None)], "Companies none of whose agents is heard of."),
            ("Dead letters", "none", [("max(muster_dead_letters)", None)], "Reports that can never be stored and that nobody has looked after."),
            ("Reports", "reqps", [(rate("muster_ingest_reports_total", 'outcome="accepted"'), "accepted"), (rate("muster_pipeline_outcomes_total", by="outcome"), "{{outcome}}")], "What came, and what became of it."),
            ("Reports that wait", "none", [(f"sum by (lane) (muster_queue_reports{{{I}}})", "{{lane}}")], "Above 1,000 for five minutes is an alert."),
            ("From arrival to rows", "s", [(quantile(0.95, "muster_pipeline_lag_seconds", by="lane"), "{{lane}}, 95 %")], "Above 30 seconds for five minutes is an alert."),
            ("Age of feeds", "s", [("max by (source) (muster_feed_age_seconds)", "{{source}}")], ""),
            ("Agents by when they were last heard of", "none", [("max by (seen) (muster_agents)", "{{seen}}")], ""),
            ("Agents by version", "none", [("max by (version) (muster_agents_by_version)", "{{version}}")], ""),
            ("Requests to the API", "reqps", [(rate("muster_http_requests_total", by="status"), "{{status}}")], ""),
            ("Free room on disks", "percentunit", [(f"muster_disk_free_bytes{{{I}}} / muster_disk_size_bytes{{{I}}}", "{{instance}}")], ""),
            ("The authority's certificate ends in", "s", [("min(muster_certificate_expires_timestamp_seconds) - time()", None)], ""),
            ("Webhooks", "reqps", [(rate("muster_webhook_deliveries_total", by="outcome"), "{{outcome}}")], ""),
            ("Jobs", "reqps", [(rate("muster_jobs_total", by="kind, outcome"), "{{kind}} {{outcome}}")], ""),
            ("Versions of nodes", "none", [(f"count by (version) (muster_build_info{{{I}}})", "{{version}}")], ""),
        ],
    ),
    "pipeline": (
        "Muster: pipeline",
        [
            ("Connections", "none", [(f"sum(muster_ingest_connections{{{I}}})", "open"), (f"sum(muster_ingest_held{{{I}}})", "held")], "Held ones stay; the others are visits."),
            ("Handshakes", "reqps", [(rate("muster_ingest_handshakes_total", by="transport"), "{{transport}}"), (rate("muster_ingest_resumed_total"), "resumed"), (rate("muster_ingest_handshakes_failed_total", by="reason"), "failed: {{reason}}")], ""),
            ("Reports by outcome", "reqps", [(rate("muster_ingest_reports_total", by="outcome"), "{{outcome}}")], ""),
            ("Heartbeats and enrolments", "reqps", [(rate("muster_ingest_heartbeats_total", by="outcome"), "heartbeat {{outcome}}"), (rate("muster_ingest_enrolments_total", by="outcome"), "enrolment {{outcome}}")], ""),
            ("Bytes from agents", "Bps", [(rate("muster_ingest_bytes_total"), "received")], ""),
            ("From a frame to its acknowledgement", "s", quantiles("muster_ingest_ack_seconds"), "Mostly the sync of the queue's disk."),
            ("One sync of the queue's disk", "s", quantiles("muster_queue_commit_seconds"), ""),
            ("Reports a sync", "none", [(quantile(0.5, "muster_queue_commit_reports"), "half"), (quantile(0.95, "muster_queue_commit_reports"), "95 %")], ""),
            ("The queue", "bytes", [(f"sum(muster_queue_bytes{{{I}}})", "files"), (f"sum(muster_queue_max_bytes{{{I}}})", "most")], ""),
            ("Age of the oldest report", "s", [(f"muster_queue_oldest_seconds{{{I}}}", "{{instance}}")], ""),
            ("What became of reports", "reqps", [(rate("muster_pipeline_outcomes_total", by="outcome, reason"), "{{outcome}} {{reason}}")], ""),
            ("Records", "rps", [(rate("muster_ingest_records_total"), "accepted"), (rate("muster_pipeline_records_total"), "stored")], ""),
            ("One transaction", "s", quantiles("muster_pipeline_batch_seconds"), ""),
            ("Records a transaction", "none", [(quantile(0.5, "muster_pipeline_batch_records"), "half"), (quantile(0.95, "muster_pipeline_batch_records"), "95 %")], ""),
            ("Tried again, and snapshots asked for", "reqps", [(rate("muster_pipeline_retries_total", by="reason"), "again: {{reason}}"), (rate("muster_pipeline_snapshots_asked_total", by="reason"), "snapshot: {{reason}}")], ""),
            ("Matches by where the result came from", "reqps", [(rate("muster_match_results_total", by="outcome"), "{{outcome}}")], "Of the software that is new to a company."),
            ("Findings opened, and software judged again", "reqps", [(rate("muster_match_findings_total"), "findings"), (rate("muster_match_judged_again_total"), "judged again")], ""),
            ("Failures of enrichment", "reqps", [(rate("muster_match_failures_total", by="reason"), "{{reason}}")], "Above 0.1 a second is an alert."),
        ],
    ),
    "company": (
        "Muster: companies",
        [
            ("Agents", "none", [('sum(max by (company) (muster_company_agents{company=~"$company"}))', None)], "Of the chosen companies. At most 200 have series of their own."),
            ("Silent", "none", [('sum(max by (company) (muster_company_silent{company=~"$company"}))', None)], ""),
            ("Longest silence", "s", [('max(muster_company_silent_seconds{company=~"$company"})', None)], ""),
            ("Agents by company", "none", [('topk(20, max by (company) (muster_company_agents{company=~"$company"}))', "{{company}}")], ""),
            ("Records by company", "rps", [('topk(20, max by (company) (rate(muster_company_records{company=~"$company"}[$__rate_interval])))', "{{company}}")], "A noisy neighbour stands out here."),
            ("Reports by company", "reqps", [('topk(20, max by (company) (rate(muster_company_reports{company=~"$company"}[$__rate_interval])))', "{{company}}")], ""),
            ("Since any agent was heard of", "s", [('topk(20, max by (company) (muster_company_silent_seconds{company=~"$company"}))', "{{company}}")], ""),
        ],
    ),
    "database": (
        "Muster: database",
        [
            ("Answers", "none", [(f"min(muster_database_up{{{I}}})", None)], "1 when it answers every node."),
            ("Clocks off by", "s", [(f"max(abs(muster_clock_offset_seconds{{{I}}}))", None)], ""),
            ("Connections", "none", [(f"sum by (instance, state) (muster_database_connections{{{I}}})", "{{instance}} {{state}}")], ""),
            ("Transactions", "reqps", [(f"topk(15, {rate('muster_database_transaction_seconds_count', by='transaction')})", "{{transaction}}")], ""),
            ("Slowest transactions, 95 %", "s", [(f"topk(15, {quantile(0.95, 'muster_database_transaction_seconds', by='transaction')})", "{{transaction}}")], "The wait for a connection included."),
            ("Time in transactions", "none", [(f"topk(15, {rate('muster_database_transaction_seconds_sum', by='transaction')})", "{{transaction}}")], "1 is one connection that does nothing else."),
            ("Not committed", "reqps", [(rate("muster_database_rollbacks_total", by="transaction") + " or vector(0)", "{{transaction}}")], "Errors, conflicts that are tried again, and readers that went away."),
            ("Behind on revocations", "s", [(f"muster_directory_age_seconds{{{I}}}", "{{instance}}")], "Above 5 is an alert."),
            ("Memory of nodes", "bytes", [(f"muster_process_resident_bytes{{{I}}}", "{{instance}}")], ""),
            ("Open files of nodes", "none", [(f"muster_process_open_files{{{I}}}", "{{instance}}")], ""),
        ],
    ),
}

SOURCE = {"type": "prometheus", "uid": "${source}"}


def variable(name, label, query):
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "query": query,
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def panel(number, place, title, unit, queries, note):
    is_number = queries[0][1] is None
    return {
        "id": number,
        "type": "stat" if is_number else "timeseries",
        "title": title,
        "description": note,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + at), "expr": query, "legendFormat": name or title}
            for at, (query, name) in enumerate(queries)
        ],
    }


def dashboard(name, title, panels):
    placed, x, y, height = [], 0, 0, 0
    for number, (heading, unit, queries, note) in enumerate(panels, 1):
        width, tall = (6, 4) if queries[0][1] is None else (12, 8)
        if x + width > 24 or height not in (0, tall):
            x, y, height = 0, y + height, 0
        placed.append(panel(number, {"x": x, "y": y, "w": width, "h": tall}, heading, unit, queries, note))
        x, height = x + width, tall
    variables = [
        {"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"},
        variable("instance", "Node", 'label_values(up{job="muster"}, instance)'),
    ]
    if name == "company":
        variables[1] = variable("company", "Company", "label_values(muster_company_agents, company)")
    return {
        "uid": f"muster-{name}",
        "title": title,
        "tags": ["muster"],
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "links": [{"type": "dashboards", "title": "Muster", "tags": ["muster"], "asDropdown": True}],
        "templating": {"list": variables},
        "panels": placed,
    }


def main():
    flags = sys.argv[1:]
    if flags == ["--queries"]:
        for name, (_, panels) in DASHBOARDS.items():
            for title, _, queries, _ in panels:
                for query, _ in queries:
                    print(json.dumps({"dashboard": name, "panel": title, "query": query}))
        return 0
    if flags not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    stale = 0
    for name, (title, panels) in DASHBOARDS.items():
        path = HERE / f"{name}.json"
        text = json.dumps(dashboard(name, title, panels), indent=1) + "\n"
        if not flags:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{path} is stale: run packaging/monitoring/dashboards.py and commit it", file=sys.stderr)
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main())
