#!/usr/bin/env python3
"""Asks a running Prometheus every query of every dashboard: `panels.py http://host:port/prometheus`.

Prints a line for each panel and exits 1 when one has nothing to show.
"""
import json, math, sys, urllib.parse, urllib.request
from pathlib import Path


def ask(base, expression):
    expression = expression.replace("$__rate_interval", "1m")
    url = f"{base.rstrip('/')}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)["data"]["result"]


def main():
    base = sys.argv[1]
    asked = empty = 0
    for path in sorted((Path(__file__).parent / "dashboards").glob("*.json")):
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            shown = []
            for target in panel.get("targets", []):
                asked += 1
                series = ask(base, target["expr"])
                values = [float(s["value"][1]) for s in series]
                real = [v for v in values if not math.isnan(v)]
                empty += not series
                shown.append(f"{len(series)} series, {min(real):.4g} to {max(real):.4g}" if real else f"{len(series)} series, no number" if series else "NOTHING")
            if shown:
                print(f"{board['title']} | {panel['title']} | {'; '.join(shown)}")
    print(f"{asked} queries, {empty} without an answer")
    return 1 if empty else 0


if __name__ == "__main__":
    sys.exit(main())
