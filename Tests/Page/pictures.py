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
import urllib.parse

from browser import Browser
from stage import Service, free_port

DESK = (1440, 900)
PHONE = (390, 844)
LOOKS = [(DESK, False), (DESK, True), (PHONE, False), (PHONE, True)]
# The demo at a quarter of its speed leaves time to look at it.
SPEED = "0.25"


class Demo(Service):
    """The demo's own service, which is stopped with the demo."""

    def __init__(self, program, folder):
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = None
        self.number = 0
        command = [program, "demo", "--speed", SPEED, "--port", str(self.port), "--keep", os.path.join(folder, "log")]
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
    trouble(demo)
    # The board while all the demo's pools are at work, and the others once there is something to look back at.
    demo.until(lambda: all(demo.pool(f"demo/{name}")["demand"]["total"] >= 4 for name in ("chat", "batch")), "the crowd", 90)
    for look in LOOKS:
        show(demo, into, look, {"board": ("/", [".list-title", ".spark", ".feed li"])})
    demo.until(lambda: len({item["at"] for item in demo.get("/v1/decisions?pool=demo/code&changes=true&limit=1000")["items"]}) >= 8, "the pool of code has risen and fallen", 90)
    decisions = demo.get("/v1/decisions?pool=demo/code&limit=1000")["items"]
    peak = max(decisions, key=lambda item: item["to"])
    turns = {item["id"]: len(demo.get(f"/v1/actors/demo/{item['id']}/history")["items"]) for item in demo.get("/v1/actors?pool=demo/chat&limit=30")["items"]}
    begin = datetime.datetime.fromisoformat(peak["at"])
    moment = lambda seconds: (begin + datetime.timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    stretch = urllib.parse.urlencode({"from": moment(-14), "to": moment(36)})
    for look in LOOKS:
        show(demo, into, look, {
            "pool": (f"/pools/demo/code?at={peak['seq']}&{stretch}", [".plot .line.demand", ".waterfall .end", ".minimap .window"]),
            "actor": (f"/actors/demo/{urllib.parse.quote(max(turns, key=turns.get))}", [".lanes .stretch", ".events li"]),
            "lab": (f"/lab?pool=demo/code&{stretch}", [".lab-history .plot .line.demand", ".tried button", ".check h2"]),
        })


def show(demo, into, look, views):
    size, dark = look
    browser = Browser(*size, dark, touch=size == PHONE)
    try:
        if size == PHONE:
            browser.call("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=2, mobile=True)
        for name, (path, selectors) in views.items():
            if size == DESK:
                # What came of a trial is below its policy.
                browser.look(size[0], 1330 if name == "lab" else size[1], dark)
            browser.open(demo.url + path)
            loaded(browser, *selectors)
            if name == "lab":
                browser.evaluate("""(() => { const t = document.querySelector('textarea'); t.value = t.value.replace(/maxReplicaCount: .*/, 'maxReplicaCount: 14'); t.dispatchEvent(new Event('input')) })()""")
                browser.until("document.querySelector('.diff') !== null", "what is different")
                browser.click(".tried button", "Try it")
                loaded(browser, ".runs tbody tr")
                place = "document.querySelector('.lab-history').scrollIntoView({block: 'start', behavior: 'instant'}); scrollBy(0, -80)" if size == PHONE else "scrollTo(0, 0)"
                # The page moves to the result by itself, a moment later.
                browser.until(f"new Promise((done) => setTimeout(() => {{ {place}; done(true) }}, 700))", "the place")
            # What is under a pointer or has the focus looks different.
            browser.hover(2, 2)
            browser.evaluate("document.activeElement?.blur(); new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            browser.picture(os.path.join(into, f"page-{name}{'-phone' if size == PHONE else ''}{'-dark' if dark else ''}.webp"))
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
