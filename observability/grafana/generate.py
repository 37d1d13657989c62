#!/usr/bin/env python3
"""Writes dashboards/*.json, which Grafana reads; `--check` says whether they are as written here.

A dashboard is rows of panels, a panel is a title, a unit and queries. $R stands for the interval
that Grafana chooses for rates. What is counted only when it happens is `or vector(0)`, so that
nothing having happened shows as zero and not as a missing panel.
"""
import json, sys
from pathlib import Path

HERE = Path(__file__).parent / "dashboards"
PROMETHEUS = {"type": "prometheus", "uid": "prometheus"}
REAL = 'route!~"/api/v1/health/.*"'
SERVICES = ["gateway", "contacts", "documents", "indexer", "search"]


def panel(title, unit, *queries, kind="timeseries", width=8, note=""):
    """queries: (expression, legend)"""
    return {"title": title, "unit": unit, "queries": queries, "kind": kind, "width": width, "note": note}


def stat(title, unit, expression, note="", width=4):
    return panel(title, unit, (expression, ""), kind="stat", width=width, note=note)


def row(title, *panels):
    return title, panels


def quantiles(metric, selector):
    inner = f"sum by (le) (rate({metric}_bucket{{{selector}}}[$R]))"
    return [(f"histogram_quantile({q}, {inner})", f"P{int(q * 100)}") for q in (0.5, 0.95, 0.99)]


def process(job):
    return row(
        "Process",
        panel("Processor", "percentunit", (f'rate(process_cpu_seconds_total{{job="{job}"}}[5m])', "cores")),
        panel("Memory", "bytes", (f'process_resident_memory_bytes{{job="{job}"}}', "resident")),
        panel("File descriptors", "short", (f'process_open_fds{{job="{job}"}}', "open"), (f'process_max_fds{{job="{job}"}}', "most")),
    )


def pool(job):
    return row(
        "Database pool",
        panel("Connections", "short", (f'pg_pool_connections_in_use{{job="{job}"}}', "in use"), (f'pg_pool_connections_max{{job="{job}"}}', "size"),
              (f'pg_pool_waiting{{job="{job}"}}', "waiting for one")),
        panel("Wait for a connection", "s", *quantiles("pg_pool_wait_seconds", f'job="{job}"')),
        panel("Transactions, P95", "s", (f'histogram_quantile(0.95, sum by (le, transaction) (rate(pg_transaction_duration_seconds_bucket{{job="{job}"}}[$R])))', "{{transaction}}")),
    )


def calls(job):
    here = f'job="{job}"'
    return row(
        "Calls",
        panel("Calls", "reqps", (f"sum by (rpc) (rate(rpc_server_requests_total{{{here}}}[$R]))", "{{rpc}}")),
        panel("Calls that did not succeed", "reqps", (f'sum by (code) (rate(rpc_server_requests_total{{{here}, code!="ok"}}[$R])) or vector(0)', "{{code}}")),
        panel("P95", "s", (f'histogram_quantile(0.95, sum by (le, rpc) (rate(rpc_server_duration_seconds_bucket{{{here}, rpc!="dossier.documents.v1.Work/Lease"}}[$R])))', "{{rpc}}"),
              note="Lease waits for work on purpose and is left out."),
        panel("Refused, since too many were in progress", "reqps", (f"sum(rate(rpc_server_shed_total{{{here}}}[$R])) or vector(0)", "refused"), width=12),
        panel("Repeated, since a service could not be reached", "reqps", (f"sum(rate(rpc_client_retries_total{{{here}}}[$R])) or vector(0)", "repeated"), width=12),
    )


def state(job):
    return row(
        "State",
        stat("Answers", "up", f'up{{job="{job}"}}'),
        stat("Runs for", "s", f'time() - process_start_time_seconds{{job="{job}"}}'),
        panel("Dependencies", "up", (f'dependency_up{{job="{job}"}}', "{{dependency}}"), kind="stat", width=16),
    )


DASHBOARDS = {
    "overview": ("Overview", [
        row("Now",
            stat("Alerts that fire", "short", 'count(ALERTS{alertstate="firing"}) or vector(0)'),
            stat("Requests", "reqps", "sum(job:http_server_requests:rate5m)"),
            stat("Fail", "percentunit", "max(job:http_server_errors:ratio_rate5m)"),
            stat("P95", "s", "max(job:http_server_duration_seconds:p95_5m)"),
            stat("Fullest resource", "percentunit", "max(resource:utilization:ratio)"),
            stat("Budget used in 3 days", "percentunit", 'max(slo:errors:ratio_rate3d) * 3 / 30 / 0.001', note="Of the 0.1 % that the objective allows in 30 days.")),
        row("Golden signals",
            panel("Traffic", "reqps", (f"sum by (method) (rate(http_server_requests_total{{{REAL}}}[$R]))", "{{method}}")),
            panel("Errors", "percentunit", ("job:http_server_errors:ratio_rate5m", "of requests"), ("job:rpc_server_errors:ratio_rate5m", "of calls to {{job}}")),
            panel("Time", "s", ("job:http_server_duration_seconds:p50_5m", "P50"), ("job:http_server_duration_seconds:p95_5m", "P95"), ("job:http_server_duration_seconds:p99_5m", "P99"),
                  ("job:rpc_server_duration_seconds:p95_5m", "calls to {{job}}, P95")),
            panel("Saturation", "percentunit", ("max by (resource) (resource:utilization:ratio)", "{{resource}}")),
            panel("Public paths", "up", ("probe_success", "{{path}}")),
            panel("How fast the budget burns", "short", ("slo:errors:ratio_rate1h / 0.001", "{{slo}}, 1 h"), ("slo:errors:ratio_rate6h / 0.001", "{{slo}}, 6 h"),
                  note="1 uses up a month's budget in a month; 14.4 wakes someone.")),
        row("What a user does, once a minute",
            panel("Journeys", "short", ("sum by (outcome) (increase(prober_journeys_total[10m]))", "{{outcome}}"), width=12,
                  note="In ten minutes: done, or the step that did not succeed."),
            panel("Time of each step, P95", "s", ("histogram_quantile(0.95, sum by (le, step) (rate(prober_step_duration_seconds_bucket[10m])))", "{{step}}"), width=12)),
        row("Parts",
            panel("Services", "up", ('up{job=~"gateway|contacts|documents|indexer|search"}', "{{job}}"), kind="stat", width=12),
            panel("What they depend on", "up", ("min by (dependency) (dependency_up)", "{{dependency}}"), kind="stat", width=12)),
    ]),
    "gateway": ("Gateway", [
        state("gateway"),
        row("Requests",
            panel("By route", "reqps", ("sum by (route) (rate(http_server_requests_total[$R]))", "{{route}}")),
            panel("By status", "reqps", ("sum by (status) (rate(http_server_requests_total[$R]))", "{{status}}")),
            panel("P95 by route", "s", ("histogram_quantile(0.95, sum by (le, route) (rate(http_server_duration_seconds_bucket[$R])))", "{{route}}")),
            panel("Refused by a limit", "reqps", ('sum by (route) (rate(http_server_requests_total{status="429"}[$R])) or vector(0)', "{{route}}")),
            panel("Failures by route", "reqps", ('sum by (route, status) (rate(http_server_requests_total{status=~"5.."}[$R])) or vector(0)', "{{status}} {{route}}")),
            panel("Sign-ins", "reqps", ("sum by (outcome) (rate(gateway_sign_ins_total[$R]))", "{{outcome}}")),
            panel("Refused, since too many were being worked on", "reqps", ("sum by (room) (rate(gateway_requests_shed_total[$R]))", "{{room}}"), width=12,
                  note="Answered with 503 at once, so that the others stay fast."),
            panel("Being worked on", "short", ("topk(5, sum by (route) (rate(http_server_duration_seconds_sum[$R])))", "{{route}}"), width=12,
                  note="On average, of the routes with most of it.")),
        pool("gateway"), process("gateway"),
    ]),
    "contacts": ("Contacts", [state("contacts"), calls("contacts"), pool("contacts"), process("contacts")]),
    "documents": ("Documents", [
        state("documents"), calls("documents"), pool("documents"), process("documents"),
        row("Sweeper", panel("Removed", "short", ("sum by (what) (increase(documents_swept_total[1h]))", "{{what}}"), width=24)),
    ]),
    "indexer": ("Indexer", [
        state("indexer"),
        row("Work",
            panel("Steps ended", "ops", ("sum by (kind, outcome) (rate(indexer_jobs_total[$R]))", "{{kind}} {{outcome}}")),
            panel("In hand", "short", ("indexer_jobs_in_hand", "leased")),
            panel("Parts of a step, P95", "s", ("histogram_quantile(0.95, sum by (le, step) (rate(indexer_step_duration_seconds_bucket[$R])))", "{{step}}")),
            panel("Pages read", "ops", ("rate(indexer_extracted_pages_total[$R])", "pages")),
            panel("Processor time of a reading child", "s", *quantiles("indexer_child_cpu_seconds", 'job="indexer"')),
            panel("Memory of a reading child", "bytes", ("indexer_child_peak_bytes", "quantile {{quantile}}"))),
        calls("indexer"), process("indexer"),
    ]),
    "search-service": ("Search service", [state("search"), calls("search"), pool("search"), process("search")]),
    "pipeline": ("Documents pipeline", [
        row("The ledger: accepted = ready + failed + in flight",
            stat("Accepted", "short", 'documents_ledger{state="accepted"}'),
            stat("Ready", "short", 'documents_ledger{state="ready"}'),
            stat("In flight", "short", 'documents_ledger{state="in_flight"}'),
            stat("Failed", "short", 'documents_ledger{state="failed"}'),
            stat("Unaccounted for", "short", 'abs(documents_ledger{state="accepted"} - ignoring (state) sum without (state) (documents_ledger{state!="accepted"}))', note="0, always."),
            stat("Oldest waiting", "s", "documents_work_oldest_waiting_seconds")),
        row("Flow",
            panel("Uploads", "ops", ("sum by (outcome) (rate(documents_uploads_total[$R]))", "{{outcome}}")),
            panel("Bytes received", "Bps", ("rate(documents_upload_bytes_total[$R])", "bytes")),
            panel("Work", "short", ("documents_work", "{{state}}")),
            panel("Jobs", "ops", ("sum by (outcome) (rate(documents_jobs_total[$R]))", "{{outcome}}")),
            panel("Received to ready", "s", *quantiles("documents_time_to_ready_seconds", 'job="documents"')),
            panel("Pages stored", "ops", ("rate(documents_pages_total[$R])", "pages"))),
    ]),
    "search": ("Search", [
        row("Queries",
            panel("By engine", "reqps", ("sum by (engine, degraded) (rate(search_queries_total[$R]))", "{{engine}}, degraded {{degraded}}")),
            panel("Found nothing", "percentunit", ("(sum(rate(search_zero_results_total[$R])) or vector(0)) / sum(rate(search_queries_total[$R]))", "of queries")),
            panel("Time of GET /search", "s", *quantiles("http_server_duration_seconds", 'route="/api/v1/search"')),
            panel("Time of suggestions", "s", *quantiles("http_server_duration_seconds", 'route="/api/v1/search/suggest"')),
            panel("Hits left out, since not to be seen or gone", "ops", ("sum(rate(search_stale_hits_total[$R])) or vector(0)", "hits")),
            panel("Queries not logged, since the queue was full", "ops", ("sum(rate(search_log_dropped_total[$R])) or vector(0)", "queries"))),
        row("Engine",
            panel("Breaker open", "short", ("max(search_breaker_open) or vector(0)", "open")),
            panel("Calls by outcome", "reqps", ("sum by (outcome) (rate(search_engine_duration_seconds_count[$R])) or vector(0)", "{{outcome}}")),
            panel("P95", "s", ("histogram_quantile(0.95, sum by (le) (rate(search_engine_duration_seconds_bucket[$R]))) or vector(0)", "P95"))),
    ]),
    "business": ("Business", [
        row("Last 24 hours",
            stat("Submissions", "short", 'sum(increase(contacts_submissions_total{status="new"}[1d]))'),
            stat("Uploads", "short", 'sum(increase(documents_uploads_total{outcome=~"document|version"}[1d]))'),
            stat("Searches", "short", "sum(increase(search_queries_total[1d]))"),
            stat("Searches without a result", "short", "sum(increase(search_zero_results_total[1d])) or vector(0)"),
            stat("Visits of people", "short", 'sum(increase(contacts_visits_total{kind="person"}[1d]))'),
            stat("Documents read", "percentunit", 'sum(increase(documents_jobs_total{outcome="settled"}[1d])) / (sum(increase(documents_jobs_total{outcome="settled"}[1d])) + (sum(increase(documents_jobs_total{outcome="failed"}[1d])) or vector(0)))', note="Of those whose processing ended.")),
        row("By hour",
            panel("Submissions", "short", ("sum by (status) (increase(contacts_submissions_total[1h]))", "{{status}}")),
            panel("Visits", "short", ("sum by (kind) (increase(contacts_visits_total[1h]))", "{{kind}}")),
            panel("Uploads", "short", ("sum by (outcome) (increase(documents_uploads_total[1h]))", "{{outcome}}")),
            panel("Searches", "short", ("sum(increase(search_queries_total[1h]))", "all"), ("sum(increase(search_zero_results_total[1h])) or vector(0)", "found nothing")),
            panel("Time to searchable, P95", "s", ("histogram_quantile(0.95, sum by (le) (rate(documents_time_to_ready_seconds_bucket[1h])))", "P95")),
            panel("Documents", "short", ('documents_ledger{state!="accepted"}', "{{state}}"))),
    ]),
    "postgresql": ("PostgreSQL", [
        row("State",
            stat("Answers", "up", "pg_up"),
            stat("Connections", "short", "sum(pg_stat_activity_count)"),
            stat("Of those allowed", "percentunit", 'max(resource:utilization:ratio{resource="database connections"})'),
            stat("Size", "bytes", 'pg_database_size_bytes{datname="dossier"}'),
            stat("Longest transaction", "s", "max(pg_stat_activity_max_tx_duration)"),
            stat("Deadlocks, 24 h", "short", 'sum(increase(pg_stat_database_deadlocks{datname="dossier"}[1d]))')),
        row("Load",
            panel("Transactions", "ops", ('rate(pg_stat_database_xact_commit{datname="dossier"}[$R])', "committed"), ('rate(pg_stat_database_xact_rollback{datname="dossier"}[$R])', "rolled back")),
            panel("Rows", "ops", ('rate(pg_stat_database_tup_fetched{datname="dossier"}[$R])', "fetched"), ('rate(pg_stat_database_tup_inserted{datname="dossier"}[$R])', "inserted"),
                  ('rate(pg_stat_database_tup_updated{datname="dossier"}[$R])', "updated"), ('rate(pg_stat_database_tup_deleted{datname="dossier"}[$R])', "deleted")),
            panel("Found in memory", "percentunit", ('rate(pg_stat_database_blks_hit{datname="dossier"}[$R]) / (rate(pg_stat_database_blks_hit{datname="dossier"}[$R]) + rate(pg_stat_database_blks_read{datname="dossier"}[$R]))', "of blocks")),
            panel("Connections by state", "short", ('sum by (state) (pg_stat_activity_count{datname="dossier"})', "{{state}}")),
            panel("Locks", "short", ('sum by (mode) (pg_locks_count{datname="dossier"})', "{{mode}}")),
            panel("Written to temporary files", "Bps", ('rate(pg_stat_database_temp_bytes{datname="dossier"}[$R])', "bytes"))),
        row("As the services see it",
            panel("Pools", "percentunit", ('resource:utilization:ratio{resource="database pool"}', "{{job}}"), width=12),
            panel("Transactions, P95", "s", ("histogram_quantile(0.95, sum by (le, job, transaction) (rate(pg_transaction_duration_seconds_bucket[$R])))", "{{job}} {{transaction}}"), width=12)),
    ]),
    "host": ("Machine", [
        row("Resources",
            panel("Processor", "percentunit", ('sum by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[$R])) / scalar(count(count by (cpu) (node_cpu_seconds_total)))', "{{mode}}")),
            panel("Load", "short", ("node_load1", "1 m"), ("node_load15", "15 m")),
            panel("Memory", "bytes", ("node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes", "used"), ("node_memory_MemTotal_bytes", "all")),
            panel("Disk", "percentunit", ('resource:utilization:ratio{resource="disk"}', "{{device}}")),
            panel("Disk in four hours", "bytes", ('predict_linear(node_filesystem_avail_bytes{fstype=~"ext[234]|xfs|btrfs|zfs|overlay"}[1h], 4 * 3600)', "{{mountpoint}}")),
            panel("Disk traffic", "Bps", ("sum(rate(node_disk_read_bytes_total[$R]))", "read"), ("sum(rate(node_disk_written_bytes_total[$R]))", "written")),
            panel("Network", "Bps", ('sum(rate(node_network_receive_bytes_total[$R]))', "in"), ('sum(rate(node_network_transmit_bytes_total[$R]))', "out")),
            panel("Memory by process", "bytes", ("sum by (job) (process_resident_memory_bytes)", "{{job}}")),
            panel("Certificates end in", "s", ("min(probe_ssl_earliest_cert_expiry) - time() or vector(0)", "seconds"), note="0 where the site has no certificate.")),
        row("Backups",
            stat("Last good backup", "s", "time() - dossier_backup_last_success_timestamp_seconds", width=8),
            stat("Last trial restore", "up", "dossier_restore_check_success", width=8),
            stat("Its age", "s", "time() - dossier_restore_check_timestamp_seconds", width=8)),
        row("What measures",
            panel("Scrapes", "up", ("up", "{{job}} {{path}}"), kind="stat", width=12),
            panel("Messages that could not be delivered", "ops", ("sum by (integration) (rate(alertmanager_notifications_failed_total[$R])) > 0 or vector(0)", "{{integration}}"), width=12)),
    ]),
}

UP = {"mappings": [{"type": "value", "options": {"0": {"text": "down", "color": "red"}, "1": {"text": "up", "color": "green"}}}],
      "thresholds": {"mode": "absolute", "steps": [{"color": "red", "value": None}, {"color": "green", "value": 1}]}}


def explore(datasource, query):
    panes = {"a": {"datasource": datasource, "queries": [{"refId": "A", **query}], "range": {"from": "${__from}", "to": "${__to}"}}}
    return "/grafana/explore?schemaVersion=1&panes=" + json.dumps(panes, separators=(",", ":"))


def links(uid):
    service = {"search-service": "search"}.get(uid, uid)
    chosen = f'{{service="{service}"}}' if service in SERVICES else '{service=~".+"}'
    found = f'{{resource.service.name="{service}"}}' if service in SERVICES else "{}"
    return [
        {"title": "Other pages", "type": "dashboards", "asDropdown": True, "tags": ["dossier"], "keepTime": True},
        {"title": "Logs", "type": "link", "icon": "doc", "keepTime": True, "url": explore("loki", {"expr": chosen})},
        {"title": "Traces", "type": "link", "icon": "bolt", "keepTime": True, "url": explore("tempo", {"queryType": "traceql", "query": found})},
    ]


def as_grafana(number, given, x, y):
    defaults = {"unit": {"up": "short"}.get(given["unit"], given["unit"]), "min": 0}
    if given["unit"] == "up":
        defaults |= UP
    if "predict_linear" in given["queries"][0][0] or "- time()" in given["queries"][0][0]:
        del defaults["min"]
    made = {
        "id": number, "title": given["title"], "type": given["kind"], "datasource": PROMETHEUS,
        "gridPos": {"x": x, "y": y, "w": given["width"], "h": 4 if given["kind"] == "stat" else 8},
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {"refId": chr(65 + i), "datasource": PROMETHEUS, "expr": expression.replace("$R", "$__rate_interval"), "legendFormat": legend or "__auto"}
            for i, (expression, legend) in enumerate(given["queries"])
        ],
    }
    if given["note"]:
        made["description"] = given["note"]
    if given["kind"] == "stat":
        made["options"] = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "area"}
    else:
        made["options"] = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
    return made


def dashboard(uid, title, rows):
    panels, y, number = [], 0, 1
    for heading, given in rows:
        panels.append({"id": number, "type": "row", "title": heading, "collapsed": False, "panels": [], "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}})
        number, y, x, tallest = number + 1, y + 1, 0, 0
        for one in given:
            if x + one["width"] > 24:
                x, y, tallest = 0, y + tallest, 0
            made = as_grafana(number, one, x, y)
            panels.append(made)
            number, x, tallest = number + 1, x + one["width"], max(tallest, made["gridPos"]["h"])
        y += tallest
    return {
        "uid": f"dossier-{uid}", "title": title, "tags": ["dossier"], "schemaVersion": 39, "version": 1, "editable": False,
        "refresh": "10s", "time": {"from": "now-1h", "to": "now"}, "timezone": "browser", "templating": {"list": []},
        "annotations": {"list": [{"name": "Alerts", "enable": True, "iconColor": "red", "datasource": PROMETHEUS,
                                  "expr": 'ALERTS{alertstate="firing"}', "titleFormat": "{{alertname}}"}]},
        "links": links(uid), "panels": panels,
    }


def main():
    check = "--check" in sys.argv
    wrong = []
    wanted = {f"{uid}.json": json.dumps(dashboard(uid, *given), indent=1) + "\n" for uid, given in DASHBOARDS.items()}
    for name, text in wanted.items():
        path = HERE / name
        if check:
            if not path.exists() or path.read_text() != text:
                wrong.append(name)
        else:
            HERE.mkdir(exist_ok=True)
            path.write_text(text)
    wrong += [p.name for p in HERE.glob("*.json") if p.name not in wanted]
    if wrong:
        print(f"not as generate.py has it: {', '.join(sorted(wrong))}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
