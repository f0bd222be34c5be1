#!/usr/bin/env python3
"""Which pictures of the page are in the docs?

    pictures.py --program .build/debug/greenroom [--into docs/images] [--files Sources/WebPage/Files]

Runs the demo with incidents beside it, and takes the board, a pool, an actor and the lab: on a desk and on a phone, light and dark.
Look at each before it is committed.
"""

import argparse
import datetime
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse

from browser import Browser
from stage import Service, free_port

DESK = (1440, 900)
PHONE = (390, 844)
# How far into the demo the pictures are taken: its pools are at work.
DEMO_SECONDS = 150
WARM_SECONDS = 40


class Demo(Service):
    """The demo's own service, which is stopped with the demo."""

    def __init__(self, program, folder):
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = None
        self.number = 0
        command = [program, "demo", "--duration", str(DEMO_SECONDS), "--port", str(self.port), "--keep", os.path.join(folder, "log")]
        with open(os.path.join(folder, "demo.txt"), "wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, cwd=folder, start_new_session=True)
        self.until(lambda: self.status("/readyz") == 200, "the demo is ready", 60)

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(20)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def loaded(browser, *selectors):
    browser.until(f"!document.querySelector('.loading') && {json.dumps(selectors)}.every((each) => document.querySelector(each))", f"{selectors} are drawn", 60)


def trouble(demo):
    """What a person is needed for, beside the demo's pools: a pool at its maximum, a forgotten pause, a misspelt name."""
    demo.policy("review", "team", maxReplicaCount=3)
    demo.policy("nightly", "team", maxReplicaCount=6)
    demo.request("PUT", "/v1/pools/team/nightly/pause", json.dumps({"hold": 1}))
    turn = lambda pool, name: ("actor.requested", f"team/{name}", {"pool": f"team/{pool}", "expectedMillis": 600_000})
    demo.events(*[turn("review", f"review-{number}") for number in range(9)], *[turn("nightly", f"night-{number}") for number in range(4)], turn("reveiw", "review-9"))


def take(demo, into):
    began = time.monotonic()
    trouble(demo)
    demo.until(lambda: time.monotonic() - began > WARM_SECONDS, "the pools are at work", WARM_SECONDS + 10)
    decisions = demo.get("/v1/decisions?pool=demo/code&limit=1000")["items"]
    peak = max(decisions, key=lambda item: item["to"])
    actors = [item for item in demo.get("/v1/actors?pool=demo/chat&limit=1000")["items"]]
    turns = {item["id"]: len(demo.get(f"/v1/actors/demo/{item['id']}/history")["items"]) for item in actors[:30]}
    busiest = max(turns, key=turns.get)
    begin = datetime.datetime.fromisoformat(decisions[0]["at"])
    stretch = urllib.parse.urlencode({name: (begin + datetime.timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z") for name, seconds in [("from", -3), ("to", 36)]})
    views = {
        "board": ("/", [".list-title", ".spark", ".feed li"]),
        "pool": (f"/pools/demo/code?at={peak['seq']}&{stretch}", [".plot .line.demand", ".waterfall .end", ".minimap .window"]),
        "actor": (f"/actors/demo/{urllib.parse.quote(busiest)}", [".lanes .stretch", ".events li"]),
        "lab": (f"/lab?pool=demo/code&{stretch}", [".lab-history .plot .line.demand", ".tried button", ".check h2"]),
    }
    # The desk's pictures first: the board of the phone may show a little more.
    for size, dark in [(DESK, False), (DESK, True), (PHONE, False), (PHONE, True)]:
        browser = Browser(*size, dark, touch=size == PHONE)
        try:
            if size == PHONE:
                browser.call("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=2, mobile=True)
            for name, (path, selectors) in views.items():
                if name == "board":
                    busy = lambda: sum(pool["demand"]["total"] for pool in demo.get("/v1/pools")["items"] if pool["namespace"] == "demo") >= 8
                    demo.until(busy, "the next burst", 90)
                browser.open(demo.url + path)
                loaded(browser, *selectors)
                if name == "lab":
                    browser.evaluate("""(() => { const t = document.querySelector('textarea'); t.value = t.value.replace(/buffer: .*/, 'buffer: {spare: 3}'); t.dispatchEvent(new Event('input')) })()""")
                    browser.until("document.querySelector('.diff')", "what is different")
                    browser.click(".tried button", "Try it")
                    loaded(browser, ".runs tbody tr")
                    if size == PHONE:
                        browser.evaluate("document.querySelector('.lab-history').scrollIntoView({block: 'start', behavior: 'instant'}); scrollBy(0, -70)")
                    else:
                        browser.evaluate("scrollTo(0, 0)")
                # What is under a pointer or has the focus looks different.
                browser.hover(2, 2)
                browser.evaluate("document.activeElement?.blur(); new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
                ending = ("-phone" if size == PHONE else "") + ("-dark" if dark else "")
                browser.picture(os.path.join(into, f"page-{name}{ending}.png"))
            if browser.errors:
                raise AssertionError(f"errors on the console: {browser.errors}")
        finally:
            browser.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--into", default="docs/images")
    parser.add_argument("--files", help="take the page's files from this folder, as they are being edited")
    options = parser.parse_args()
    Browser.files = options.files
    os.makedirs(options.into, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="greenroom-pictures-")
    demo = Demo(os.path.abspath(options.program), folder)
    try:
        take(demo, options.into)
    finally:
        demo.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
