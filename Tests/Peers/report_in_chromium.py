#!/usr/bin/env python3
"""Does a report page draw what it says, in a browser, on a desk and on a phone, by mouse and by keyboard, without an error?

    report_in_chromium.py --report report.html [--runs N]

Opens the page in headless Chromium in a frame of 1280 and of 360 pixels, in light and in dark, and asks the drawn page itself.
One line a case: `ok` or `WRONG` with what came instead; `SKIPPED` where Chromium is missing. Exits 0 where nothing was wrong.
"""

import argparse
import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
# One opening of the page takes a second or two; a machine that is busy with other tests gets more.
LIMIT_SECONDS = 90
SERIES = ["demand", "desired", "ready", "busy"]

# Runs in the page around the frame, so the page under test is as it was written.
PROBE = """
addEventListener("load", () => {
  const found = {};
  try {
    const w = document.querySelector("iframe").contentWindow, d = w.document;
    const style = (e) => w.getComputedStyle(e), box = (e) => e.getBoundingClientRect();
    const tip = d.getElementById("tip");
    found.ready = d.documentElement.dataset.ready;
    found.innerWidth = w.innerWidth;
    found.scrollWidth = d.documentElement.scrollWidth;
    found.loaded = w.performance.getEntriesByType("resource").map((e) => e.name);
    found.paper = style(d.body).backgroundColor;
    found.scripts = d.scripts.length;
    found.runs = [...d.querySelectorAll(".run")].map((run) => ({
      name: run.querySelector("h2").textContent,
      height: box(run.querySelector(".field")).height,
      series: Object.fromEntries([...run.querySelectorAll("path[data-series]")].map((p) => [p.dataset.series, p.getAttribute("d")])),
      drawn: [...run.querySelectorAll("use")].map((u) => ({
        kind: u.getAttribute("class"), width: box(u).width, fill: style(u).fill, stroke: style(u).stroke })),
      ground: Number(run.querySelector(".plot").dataset.height),
      slots: Number(run.querySelector(".plot").dataset.slots),
      peaks: Object.fromEntries([...run.querySelectorAll(".readout b")].map((b) => [b.dataset.series, b.textContent])),
      markers: run.querySelectorAll(".strip a").length,
    }));
    found.waits = [...d.querySelectorAll("path[data-series=waits]")].map((p) => p.getAttribute("d"));

    const strip = [...d.querySelectorAll(".strip")].find((s) => s.children.length > 1);
    if (strip) {
      const [first, second] = strip.children, plot = strip.closest(".plot"), run = strip.closest(".run");
      w.focus();
      first.focus();
      found.focused = { text: tip.textContent, hidden: tip.hidden, left: box(tip).left, right: box(tip).right };
      first.dispatchEvent(new w.KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true, cancelable: true }));
      found.moved = { to: d.activeElement === second, text: tip.textContent };
      second.dispatchEvent(new w.KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
      found.escaped = tip.hidden;
      d.activeElement.blur();
      const field = box(run.querySelector(".field"));
      const at = { bubbles: true, clientX: field.left + field.width / 2, clientY: field.top + 9, pointerType: "mouse" };
      found.before = run.querySelector(".readout").textContent;
      run.querySelector(".field").dispatchEvent(new w.PointerEvent("pointermove", at));
      found.under = run.querySelector(".readout").textContent;
      plot.dispatchEvent(new w.PointerEvent("pointerleave", { pointerType: "mouse" }));
      found.after = run.querySelector(".readout").textContent;
      const last = strip.lastElementChild, place = box(last);
      const tap = { bubbles: true, clientX: place.left + place.width / 2, clientY: place.top + 3, pointerType: "touch" };
      strip.dispatchEvent(new w.PointerEvent("pointerdown", tap));
      found.tapped = { text: tip.textContent, hidden: tip.hidden, wanted: d.querySelector(last.getAttribute("href")).textContent };
    }
  } catch (error) {
    found.error = String(error);
  }
  document.getElementById("found").textContent = JSON.stringify(found);
});
"""

wrong = []


def judge(name, problems):
    problems = [p for p in problems if p]
    if problems:
        wrong.append(name)
    print(f"WRONG    {name}: {'; '.join(problems)}" if problems else f"ok       {name}", flush=True)


# --- The browser ----------------------------------------------------------------------------------------------------------


def browse(browser, page, width, dark=False):
    """What the probe found in the page, and the errors on its console."""
    with tempfile.TemporaryDirectory(prefix="greenroom-report-", ignore_cleanup_errors=True) as folder:
        around = os.path.join(folder, "around.html")
        with open(around, "w", encoding="utf-8") as file:
            frame = f'<iframe style="border:0;width:{width}px;height:900px" srcdoc="{html.escape(page)}"></iframe>'
            file.write(f"<!doctype html><title>probe</title><body>{frame}<pre id=found></pre><script>{PROBE}</script></body>")
        settings = f"preferredColorScheme={0 if dark else 1}"
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", f"--user-data-dir={folder}/profile",
                   f"--blink-settings={settings}", "--window-size=1400,1000", "--enable-logging=stderr", "--v=0", "--dump-dom", f"file://{around}"]
        dom, log = run(command)
    errors = [line for line in log.splitlines() if "CONSOLE" in line and re.search(r"ERROR|Uncaught|Refused|violates|Failed", line)]
    match = re.search(r'<pre id="found">(.*?)</pre>', dom, re.S)
    if not match or not match.group(1):
        return {"error": f"the browser gave no answer: {log[-300:]}"}, errors
    return json.loads(html.unescape(match.group(1))), errors


def run(command):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    try:
        out, err = process.communicate(timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        # Its own group: the browser and the processes that it started.
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        err += b"\nkilled after its time"
    return out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


# --- What is expected -----------------------------------------------------------------------------------------------------


def heights(path, ground):
    """Of a staircase `M0 40v-3h16V40`: the heights above the ground it goes through; None where it is no staircase."""
    if not re.fullmatch(r"M\d+ \d+(?:[hvV]-?\d+)*", path):
        return None
    y, found = ground, [0]
    for command, number in re.findall(r"([vV])(-?\d+)", path):
        y = y + int(number) if command == "v" else int(number)
        found.append(ground - y)
    return found


def series_problems(run):
    for name in SERIES:
        path = run["series"].get(name)
        found = heights(path or "", run["ground"])
        if found is None:
            yield f"{run['name']}: {name} is not drawn: {str(path)[:60]}"
        elif len(found) < 3 or min(found) < 0 or max(found) > run["ground"]:
            yield f"{run['name']}: {name} has {len(found)} heights from {min(found)} to {max(found)} of {run['ground']}"
        else:
            peak = max(found) // (1 if name == "demand" else run["slots"])
            said = re.sub(r"\D", "", run["peaks"].get(name, ""))
            if str(peak) != said:
                yield f"{run['name']}: the drawn peak of {name} is {peak}, the page says {said}"
    for use in run["drawn"]:
        painted = use["fill"] if use["kind"].startswith("area") else use["stroke"]
        if use["width"] <= 0 or painted in ("none", "rgba(0, 0, 0, 0)"):
            yield f"{run['name']}: {use['kind']} is {use['width']} wide and painted {painted}"


def check(name, found, errors, width, runs):
    if found.get("error"):
        return judge(f"{name}: the page opens", [found["error"]])
    judge(f"{name}: no error on the console", errors)
    judge(f"{name}: the script ran to its end", [] if found["ready"] == "true" else [f"data-ready is {found['ready']}"])
    judge(f"{name}: no text of the report became a script", [] if found["scripts"] == 1 else [f"{found['scripts']} scripts"])
    judge(f"{name}: nothing is loaded", found["loaded"])
    fits = found["innerWidth"] == width and found["scrollWidth"] <= width
    judge(f"{name}: the page is not wider than the window", [] if fits else [f"{found['scrollWidth']} in {found['innerWidth']}"])
    counts = [] if runs is None or len(found["runs"]) == runs else [f"{len(found['runs'])} runs, not {runs}"]
    judge(f"{name}: every series of every run is drawn", counts + [p for run in found["runs"] for p in series_problems(run)])
    drawn = len([path for path in found["waits"] if re.match(r"M\d+ \d+[hv]", path)])
    judge(f"{name}: waits are drawn", [] if drawn > 0 and len(found["waits"]) == len(found["runs"]) else [f"{drawn} of {len(found['waits'])}"])
    if "focused" in found:
        check_hands(name, found, width)


def check_hands(name, found, width):
    focused, moved, tapped = found["focused"], found["moved"], found["tapped"]
    inside = 0 <= focused["left"] and focused["right"] <= width + 1
    judge(f"{name}: a focused decision says why", [
        "" if not focused["hidden"] and "→" in focused["text"] else f"it says {focused['text']!r}",
        "" if inside else f"from {focused['left']} to {focused['right']}"])
    judge(f"{name}: an arrow key goes to the next", [] if moved["to"] and moved["text"] != focused["text"] else [str(moved)])
    judge(f"{name}: Escape puts it away", [] if found["escaped"] else ["it is still there"])
    judge(f"{name}: a tap says why", [] if not tapped["hidden"] and tapped["text"] == tapped["wanted"] else [str(tapped)])
    followed = found["under"] != found["before"] and re.search(r"\d:\d\d", found["under"]) and found["after"] == found["before"]
    judge(f"{name}: the cross-hair tells the moment under the pointer", [] if followed else [f"{found['before']!r}, {found['under']!r}, {found['after']!r}"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", required=True)
    parser.add_argument("--runs", type=int)
    options = parser.parse_args()
    browser = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if not browser:
        print("SKIPPED  report page: chromium is not installed")
        return 0
    with open(options.report, encoding="utf-8") as file:
        page = file.read()
    papers = {}
    for name, width, dark in [("desk", 1280, False), ("phone", 360, False), ("desk in the dark", 1280, True)]:
        found, errors = browse(browser, page, width, dark)
        check(name, found, errors, width, options.runs)
        papers[name] = found.get("paper")
    judge("the dark page is dark", [] if papers["desk"] != papers["desk in the dark"] else [str(papers)])
    # The checks themselves: a page whose script fails must be found out.
    found, errors = browse(browser, page.replace('"use strict";', '"use strict"; nonsense();', 1), 1280)
    judge("a failing script would be noticed", [] if errors and found.get("ready") != "true" else [f"{errors} {found.get('ready')}"])
    print(f"{len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
