#!/usr/bin/env python3
"""Do the dashboard and the alerts ask for metrics that the service really has, in PromQL that Prometheus takes?

    check_dashboards.py --greenroom PROGRAM

Starts `greenroom serve` with a pool of processes on a free port of loopback, lets an actor wait and be placed, and compares
/metrics with every metric and label that dashboards/ names. promtool (Debian's package prometheus) checks the exposition, the
rules, their unit tests and every expression of the dashboard; without it those cases are skipped. One line a case: `ok`,
`WRONG` or `SKIPPED`. Exits 0 where nothing is wrong.
"""

import argparse
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DASHBOARDS = ROOT / "dashboards"
RUNBOOKS = "{{ with $externalLabels.greenroom_runbooks }}{{ . }}/{{ end }}"
SECONDS = 60
wrong = []

POLICY = """apiVersion: greenroom.dev/v1
kind: WorkerPoolAutoscaler
metadata: {name: check, namespace: dashboards}
spec:
  scaleTargetRef: {kind: Process}
  maxReplicaCount: 1
"""


def judge(name, problems):
    if problems:
        wrong.append(name)
    print(f"WRONG    {name}: {'; '.join(map(str, problems))}" if problems else f"ok       {name}", flush=True)


def skip(name, why):
    print(f"SKIPPED  {name}: {why}", flush=True)


def promtool(*arguments, **options):
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=SECONDS, **options)


def expressions():
    """Of the dashboard: where they stand, and what they say with Grafana's variables filled in."""
    dashboard = json.loads((DASHBOARDS / "greenroom.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            text = target["expr"].replace("$__rate_interval", "5m").replace("$pool", ".*").replace("$instance", ".*")
            yield f"panel {panel['title']} {target['refId']}", text
    for annotation in dashboard["annotations"]["list"]:
        yield f"annotation {annotation['name']}", annotation["expr"].replace("$pool", ".*").replace("$instance", ".*")
    for variable in dashboard["templating"]["list"]:
        found = re.match(r"label_values\((.*), (\w+)\)", variable.get("definition", ""))
        if found:
            yield f"variable {variable['name']}", f"count by ({found[2]}) ({found[1].replace('$instance', '.*')})"


def rules():
    text = (DASHBOARDS / "alerts.yaml").read_text()
    names, exprs = re.findall(r"- alert: (\S+)", text), re.findall(r"expr: (.*)", text)
    # The label of Prometheus' own configuration that makes them absolute.
    links = [link.removeprefix(RUNBOOKS).strip("'") for link in re.findall(r"runbook_url: '?(.*)", text)]
    return list(zip(names, exprs, links, strict=True))


def check_form():
    dashboard = json.loads((DASHBOARDS / "greenroom.json").read_text())
    ids = [panel["id"] for panel in dashboard["panels"]]
    problems = [] if len(ids) == len(set(ids)) else ["ids of panels repeat"]
    problems += [f"{panel['title']} asks nothing" for panel in dashboard["panels"] if panel["type"] != "row" and not panel.get("targets")]
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        if cells & taken or place["x"] + place["w"] > 24:
            problems.append(f"{panel['title']} lies over another or outside")
        taken |= cells
    rows = [panel["title"] for panel in dashboard["panels"] if panel["type"] == "row"]
    if rows != ["Now", "Demand and workers", "Waits", "Decisions", "Loop and log", "Process"]:
        problems.append(f"rows are {rows}")
    judge("the dashboard's form", problems)


def check_links():
    headings = re.findall(r"^#+ (.*)$", (ROOT / "docs/operating.md").read_text(), re.M)
    anchors = {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}
    problems = [f"{name}: {link}" for name, _, link in rules() if not link.startswith("docs/operating.md#") or link.split("#")[1] not in anchors]
    judge("each alert's runbook is a section of docs/operating.md", problems)


def check_rules():
    done = promtool("check", "rules", str(DASHBOARDS / "alerts.yaml"))
    judge("promtool check rules", [done.stdout + done.stderr] if done.returncode else [])
    done = promtool("test", "rules", "alerts_test.yaml", cwd=DASHBOARDS)
    judge("promtool test rules", [done.stdout + done.stderr] if done.returncode else [])
    tested = set(re.findall(r"alertname: (\w+)", (DASHBOARDS / "alerts_test.yaml").read_text()))
    judge("each alert has a unit test", [name for name, _, _ in rules() if name not in tested])


def check_expressions():
    # As recording rules: what promtool takes there is PromQL.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "expressions.json"
        recorded = [{"record": f"expression_{number}", "expr": expr, "labels": {"of": where}} for number, (where, expr) in enumerate(expressions())]
        file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": recorded}]}))
        done = promtool("check", "rules", str(file))
        judge(f"promtool takes the dashboard's {len(recorded)} expressions", [done.stdout + done.stderr] if done.returncode else [])


# --- Against a service that runs ----------------------------------------------------------------------------------------------


def request(url, body=None):
    headers = {"content-type": "application/cloudevents+json"} if body else {}
    with urllib.request.urlopen(urllib.request.Request(url, body and json.dumps(body).encode(), headers), timeout=10) as answer:
        return answer.read().decode()


def scrape(program):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "policy.yaml").write_text(POLICY)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        (Path(folder) / "config.yaml").write_text(
            f"listen: 127.0.0.1:{port}\ndatabase: log.db\npolicies: [policy.yaml]\n"
            # Nobody listens there: what a sink that is away shows.
            "sinks: {check: {url: 'http://127.0.0.1:1'}}\n"
        )
        service = subprocess.Popen([program, "serve", "--config", f"{folder}/config.yaml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return watch(f"http://127.0.0.1:{port}")
        finally:
            service.terminate()
            try:
                service.wait(30)
            except subprocess.TimeoutExpired:
                service.kill()
                service.wait()


def send(url, kind, subject, data):
    event = {"specversion": "1.0", "type": f"dev.greenroom.{kind}", "source": "/check", "id": f"{kind} {subject}", "subject": subject, "data": data}
    request(f"{url}/v1/events", event)


def watch(url):
    """/metrics once an actor was placed and a worker was lost, so that every series there can be is there."""
    deadline, sent, text = time.monotonic() + SECONDS, False, ""
    while time.monotonic() < deadline:
        try:
            if not sent:
                pool = "dashboards/check"
                # One that is lost, before the actor comes: it would be placed there.
                send(url, "worker.ready", "dashboards/lost", {"pool": pool, "node": "n"})
                send(url, "worker.gone", "dashboards/lost", {"reason": "lost"})
                send(url, "actor.requested", "dashboards/a1", {"pool": pool})
                sent = True
            text = request(f"{url}/metrics")
        except OSError:
            pass
        if "greenroom_wait_seconds_count" in text and "greenroom_worker_start_seconds_count" in text and "greenroom_workers_gone_total" in text:
            return text
        time.sleep(0.2)
    return text


def series(text):
    """Label names by metric name."""
    found = {}
    for name, labels in re.findall(r"^([a-z_]+)(?:\{(.*?)\})? ", text, re.M):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


def check_metrics(program):
    text = scrape(program)
    known = series(text)
    # What Prometheus adds to what it scrapes, and what a quantile is taken over.
    added = {"instance", "job", "le"}
    for where, expr in [*expressions(), *((name, expr) for name, expr, _ in rules())]:
        problems = []
        names = re.findall(r"\b(?:greenroom|process)_\w+", expr)
        labels = set()
        for name in names:
            if name not in known:
                problems.append(f"/metrics has no {name}")
            labels |= known.get(name, set())
        used = {label for match in re.findall(r"\{(.*?)\}", expr) for label in re.findall(r"(\w+)=", match)}
        used |= {label.strip() for match in re.findall(r"\b(?:by|on) \((.*?)\)", expr) for label in match.split(",")}
        problems += [f"no label {label}" for label in used - labels - added if not problems]
        judge(f"the metrics of {where}", problems)
    if shutil.which("promtool"):
        done = promtool("check", "metrics", input=text)
        judge("promtool check metrics", [done.stdout + done.stderr] if done.returncode or done.stderr else [])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--greenroom")
    options = parser.parse_args()
    check_form()
    check_links()
    if shutil.which("promtool"):
        check_rules()
        check_expressions()
    else:
        skip("promtool", "it is not installed (Debian's package prometheus has it)")
    if options.greenroom:
        check_metrics(options.greenroom)
    else:
        skip("/metrics of a service that runs", "no --greenroom was named")
    print("all right" if not wrong else f"{len(wrong)} wrong")
    sys.exit(1 if wrong else 0)


main()
