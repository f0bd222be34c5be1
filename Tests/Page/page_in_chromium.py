#!/usr/bin/env python3
"""Can a person use the page: find an incident, go to its moment, see why, undo it, in a browser, on a desk and on a phone?

    page_in_chromium.py --program .build/debug/greenroom [--pictures FOLDER] [--only WORD] [--files Sources/WebPage/Files]

Starts real services of this program on 127.0.0.1, makes incidents by real events, and drives headless Chromium by mouse and keyboard.
What the page shows is compared with what the API says. One line a case: `ok`, or `WRONG` with what came instead; `SKIPPED` where
Chromium is missing. Exits 0 where nothing was wrong.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
import urllib.parse

from browser import Browser, find
from stage import Service, free_port, incidents

DESK = (1440, 900)
PHONE = (390, 844)
SCREENS = ["/", "/pools/tour/stuck", "/pools/tour/stuck?tab=policy", "/pools/tour/well?tab=decisions", "/pools/tour/paused?tab=actors", "/actors", "/actors/tour/w-1",
           "/actors/tour/c-1", "/nodes", "/log", "/lab?pool=tour/stuck"]
# Processor time of the main thread that one frame may take while the list is scrolled 500 pixels a frame, which is faster than anybody reads.
FRAME_MS = 33

cases = []


def case(function):
    cases.append(function)
    return function


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def equal(shown, wanted, what):
    check(shown == wanted, f"{what}: the page shows {shown!r}, and it should be {wanted!r}")


class Stage:
    """One service with incidents, and a browser that looks at it."""

    def __init__(self, program, pictures):
        self.program = program
        self.pictures = pictures
        self.service = Service(program).start()
        self.browser = None

    def prepare(self):
        incidents(self.service)
        self.browser = Browser(*DESK)

    def url(self, path="/"):
        return self.service.url + path

    def open(self, path="/"):
        self.browser.open(self.url(path))

    def picture(self, name, whole=False):
        if self.pictures:
            self.browser.picture(os.path.join(self.pictures, f"{name}.png"), whole)

    def address(self):
        return self.browser.evaluate("location.pathname + location.search")

    def param(self, name):
        return self.browser.evaluate(f"new URLSearchParams(location.search).get({json.dumps(name)})")

    def facts(self):
        """The figures of a pool's head, by name."""
        return self.browser.evaluate(
            "Object.fromEntries([...document.querySelectorAll('.pool-head .fact')].map((e) => [e.querySelector('dt').innerText, e.querySelector('dd').innerText]))")

    def close(self):
        if self.browser:
            self.browser.close()
        self.service.close()


def settled(stage, name, at=None):
    """Waits until the head of a pool's screen is what the API says, figure by figure."""
    def wanted():
        pool = stage.service.pool(name, at)
        return {"demand": str(pool["demand"]["total"]), "running": str(pool["demand"]["resident"]), "desired": str(pool["desired"]),
                "ready": str(pool["ready"]), "busy": str(pool["busy"]), "starting": str(pool["starting"]), "draining": str(pool["draining"])}
    shown = {}

    def same():
        nonlocal shown
        facts, figures = stage.facts(), wanted()
        shown = {key: facts.get(key) for key in figures}
        return shown == figures
    try:
        stage.service.until(same, f"the head of {name}")
    except AssertionError:
        raise AssertionError(f"the head of {name} at {at or 'now'} shows {shown}, and the API says {wanted()}") from None
    return shown


def drawn(stage, name):
    """Waits until a pool's screen is all there, as a person does before they click: nothing moves any more."""
    settled(stage, name)
    stage.browser.until("['.plot .line.demand', '.why-head', '.tabs'].every((each) => document.querySelector(each))", f"the chart, the why and the tabs of {name}")


# --- The incidents, as a person would go about them ---


@case
def the_board_shows_every_pool_and_what_needs_a_person_first(stage):
    browser = stage.browser
    stage.open("/")
    pools = stage.service.get("/v1/pools")["items"]
    browser.until(f"document.querySelectorAll('.list-row.pool-row').length === {len(pools)}", "a row for each pool")
    # A full pool counts once somebody has waited for five seconds.
    browser.until("document.querySelector('.list-title')?.innerText === 'Needs a person 4'", "four that need a person")
    rows = browser.evaluate("[...document.querySelectorAll('.list-row')].sort((a, b) => a.offsetTop - b.offsetTop).map((e) => e.innerText)")
    check(rows[0].startswith("Needs a person"), f"the first row is {rows[0]!r}")
    others = next(index for index, row in enumerate(rows) if row.startswith("All others"))
    needy = {row.split("\n")[0] for row in rows[1:others]}
    equal(needy, {"tour/stuck", "tour/paused", "tour/crashing", "tour/wel"}, "pools that need a person")
    by_name = {row.split("\n")[0]: row for row in rows}
    check("6 wait" in by_name["tour/stuck"] and "3 of 3" in by_name["tour/stuck"], f"the row of the full pool: {by_name['tour/stuck']!r}")
    browser.until("document.body.innerText.includes('at maxReplicaCount 3, 9 wanted')", "the sentence of why")
    check("workers failing" in by_name["tour/crashing"], f"the crash loop: {by_name['tour/crashing']!r}")
    check("paused" in by_name["tour/paused"], f"the pause: {by_name['tour/paused']!r}")
    def same():
        items = stage.service.get("/v1/pools")["items"]
        shown = dict(zip(browser.texts(".board-head dt"), browser.texts(".board-head dd")))
        wanted = {"pools": len(items), "actors wait": sum(pool["demand"]["waiting"] for pool in items), "workers ready": sum(pool["ready"] for pool in items),
                  "busy": sum(pool["busy"] for pool in items)}
        return all(shown.get(name) == str(number) for name, number in wanted.items())
    stage.service.until(same, "the sums are the API's")
    stage.picture("board")


@case
def a_full_pool_is_traced_to_its_policy_line_and_given_more_by_clicks(stage):
    browser = stage.browser
    stage.open("/")
    browser.click(".pool-row a.main", "stuck")
    browser.until("location.pathname === '/pools/tour/stuck'", "the pool's address")
    settled(stage, "tour/stuck")
    browser.until("[...document.querySelectorAll('.waterfall li')].some((e) => e.innerText.includes('maxReplicaCount 3'))", "the step that limits")
    browser.until("[...document.querySelectorAll('.verdict dd')].some((e) => e.innerText.includes('maxReplicaCount 3'))", "what limits it")
    if browser.evaluate("document.querySelector('.waterfall .policy-line') !== null"):
        browser.click(".waterfall li.moves .policy-line", "maxReplicaCount")
    else:
        browser.click(".tabs button", "Policy")
    browser.until("[...document.querySelectorAll('pre .line')].some((e) => e.innerText.includes('maxReplicaCount: 3'))", "the line of the policy")
    stage.picture("policy")
    browser.click(".actions a", "Change policy")
    browser.until("document.querySelector('textarea').value.includes('maxReplicaCount: 3')", "the policy in the lab")
    # What is wrong is said as it is typed.
    edit = "(() => {{ const t = document.querySelector('textarea'); t.focus(); const at = t.value.indexOf({0!r}); t.setSelectionRange(at, at + {0!r}.length) }})()"
    browser.evaluate(edit.format("maxReplicaCount"))
    browser.type("maxReplicas")
    browser.until("document.querySelector('.problems')?.innerText.includes('maxReplicas') && document.querySelector('.problems').innerText.includes('did you mean')", "the problem with its line")
    stage.picture("lab")
    browser.evaluate(edit.format("maxReplicas: 3"))
    browser.type("maxReplicaCount: 7")
    browser.until("/3 → [4-7]/.test(document.querySelector('.preview')?.innerText)", "the dry run's decision")
    browser.click(".check button", "Apply")
    browser.until("document.querySelector('dialog .preview') !== null", "the question before")
    equal(stage.service.pool("tour/stuck")["max"], 3, "the maximum before anybody said yes")
    browser.click("dialog button[type=submit]")
    # A policy that is wrong is refused with 400, and the browser notes it: that is how it is checked while somebody types.
    browser.errors[:] = [error for error in browser.errors if not ("400" in error and "dryRun" in error)]
    stage.service.until(lambda: stage.service.pool("tour/stuck")["max"] == 7, "the new maximum")
    stage.service.until(lambda: stage.service.pool("tour/stuck")["ready"] == 7, "seven workers")
    stage.open("/pools/tour/stuck?last=5m")
    settled(stage, "tour/stuck")
    stage.picture("pool")


@case
def a_pause_is_found_and_lifted_by_clicks(stage):
    browser = stage.browser
    stage.open("/")
    browser.click(".pool-row a.main", "paused")
    browser.until("[...document.querySelectorAll('.concern')].some((e) => e.innerText.includes('held at 1'))", "what is paused")
    since = stage.service.pool("tour/paused")["pause"]["seq"]
    browser.click(".concern a")
    browser.until(f"new URLSearchParams(location.search).get('at') === '{since}'", "the moment of the pause")
    browser.until("document.querySelector('.actions button')?.disabled", "writing is off in the past")
    browser.click("#top button", "Back to live")
    browser.until("!location.search.includes('at=')", "live again")
    browser.until("[...document.querySelectorAll('.actions button')].some((e) => e.innerText.startsWith('Resume') && !e.disabled)", "the button")
    browser.click(".actions button", "Resume")
    browser.until("document.querySelector('dialog form') !== null", "the question before")
    stage.picture("resume")
    browser.click("dialog button[type=submit]")
    stage.service.until(lambda: "pause" not in stage.service.pool("tour/paused"), "it is resumed")
    browser.until("![...document.querySelectorAll('.concern')].some((e) => e.innerText.includes('held'))", "the page shows that it is resumed")
    stage.service.until(lambda: stage.service.pool("tour/paused")["demand"]["waiting"] == 0, "nobody waits any more")
    settled(stage, "tour/paused")


@case
def a_crash_loop_leads_to_the_actor_and_its_worker(stage):
    browser = stage.browser
    stage.open("/pools/tour/crashing?tab=actors")
    browser.until("[...document.querySelectorAll('.concern')].some((e) => e.innerText.includes('status 7'))", "what fails")
    drawn(stage, "tour/crashing")
    equal(stage.param("tab"), "actors", "the tab that is open")
    browser.click(".actors .list-row a.main", "c-2")
    browser.until("location.pathname === '/actors/tour/c-2'", "the actor's address")
    browser.until("document.querySelectorAll('.lanes .stretch.crashed').length > 0", "the crash on the timeline")
    history = stage.service.get("/v1/actors/tour/c-2/history")["items"]
    browser.until(f"document.querySelectorAll('.events li').length === {len(history)}", "all its events")
    placed = next(event for event in history if event["kind"] == "actor.placed")
    browser.click(".events a", "tiers")
    browser.until("document.querySelectorAll('.placement tbody tr').length === 4", "the four tiers")
    view = stage.service.get(f"/v1/actors/tour/c-2/placement?at={placed['data']['asOf']}")
    equal(browser.texts(".placement tbody th"), [tier["tier"] for tier in view["tiers"]], "the tiers")
    stage.picture("actor")


@case
def a_crash_loop_is_traced_to_its_policy_line_and_undone_by_clicks(stage):
    browser = stage.browser
    stage.open("/")
    browser.click(".pool-row a.main", "crashing")
    drawn(stage, "tour/crashing")
    decision = stage.service.pool("tour/crashing")["decisionSeq"]
    browser.until(f"document.querySelector('.why-head a')?.innerText === '#{decision}'", "the decision in force")
    browser.click(".concern a", "policy line")
    browser.until("[...document.querySelectorAll('pre .line.on')].some((e) => e.innerText.includes('exit 7'))", "the line of the policy that fails")
    browser.click(".actions a", "Change policy")
    browser.until("document.querySelector('textarea').value.includes('exit 7')", "the policy in the lab")
    browser.evaluate("(() => { const t = document.querySelector('textarea'); t.focus(); const at = t.value.indexOf('exit 7'); t.setSelectionRange(at, at + 6) })()")
    browser.type("exit 0")
    browser.until("document.querySelector('.diff .plus')?.innerText.includes('exit 0')", "the difference")
    browser.click(".check button", "Apply")
    browser.until("document.querySelector('dialog .preview') !== null", "the question before")
    browser.click("dialog button[type=submit]")
    stage.service.until(lambda: json.loads(stage.service.get("/v1/policies/tour/crashing")["canonicalJSON"])["spec"]["scaleTargetRef"]["command"][-1] == "exit 0", "the new policy")
    stage.service.events(("actor.requested", "tour/c-9", {"pool": "tour/crashing", "expectedMillis": 300}))
    stage.service.until(lambda: stage.service.get("/v1/actors/tour/c-9")["status"] == "STATUS_SUSPENDED", "a turn is over without a crash")
    stage.open("/pools/tour/crashing")
    settled(stage, "tour/crashing")
    browser.until("![...document.querySelectorAll('.concern')].some((e) => e.innerText.includes('status 7'))", "nothing fails any more")


@case
def an_actor_is_followed_over_its_workers(stage):
    browser = stage.browser
    stage.open("/actors/tour/w-1")
    history = stage.service.get("/v1/actors/tour/w-1/history")["items"]
    workers = {event["worker"] for event in history if event["kind"] == "actor.placed"}
    browser.until("document.querySelectorAll('.lanes .lane').length > 0", "the lanes")
    equal(browser.evaluate("document.querySelectorAll('.lanes .lane').length"), len(workers) + 1, "lanes: one a worker, and one without")
    requested = history[0]["seq"]
    browser.click(".events a", f"#{requested}")
    browser.until(f"new URLSearchParams(location.search).get('at') === '{requested}'", "the moment of its request")
    browser.until("document.querySelector('.fact .status')?.innerText === 'waiting'", "it waits at that moment")


# --- Travelling ---


@case
def a_click_in_the_chart_travels_and_every_figure_is_the_apis_of_then(stage):
    browser = stage.browser
    stage.open("/pools/tour/stuck?last=5m")
    browser.until("document.querySelector('.plot .line.demand')?.getAttribute('d')?.length > 10", "the chart")
    x, y, width, height, left, top = browser.place(".field")
    # Half of its life ago, on a chart of five minutes that has 34 pixels of numbers at its left and 10 at its right.
    half = min(stage.service.pool("tour/stuck")["ageSeconds"] / 2, 200)
    px = left + 34 + (width - 44) * (1 - half / 300)
    browser.hover(px, top + 100)
    browser.until("/\\d\\d:\\d\\d:\\d\\d/.test(document.querySelector('.readout .at').innerText)", "the moment under the pointer")
    browser.click_at(px, top + 100)
    browser.until("location.search.includes('at=')", "the address has the moment")
    browser.until("document.querySelector('.now.past .position') !== null || document.querySelector('.now.past time') !== null", "the bar says past")
    settled(stage, "tour/stuck", urllib.parse.quote(stage.param("at")))
    check(browser.evaluate("document.body.classList.contains('past')"), "the page isn't marked as past")
    check(browser.evaluate("document.querySelector('.actions button').disabled"), "writing is on in the past")
    stage.picture("pool-past")
    # Another person opens the same address.
    address = stage.address()
    facts = stage.facts()
    stage.open(address)
    settled(stage, "tour/stuck", urllib.parse.quote(stage.param("at")))
    equal({key: stage.facts()[key] for key in ("demand", "ready", "desired")}, {key: facts[key] for key in ("demand", "ready", "desired")}, "the figures under the same address")


@case
def steps_go_from_decision_to_decision(stage):
    browser = stage.browser
    decisions = [item for item in stage.service.get("/v1/decisions?pool=tour/stuck&limit=1000")["items"]]
    last = decisions[-1]
    stage.open(f"/pools/tour/stuck?at={last['seq']}&last=5m")
    settled(stage, "tour/stuck", last["seq"])
    browser.until(f"document.querySelector('.why-head a')?.innerText === '#{last['seq']}'", "the decision of that moment")
    browser.key("[")
    browser.until(f"new URLSearchParams(location.search).get('at') === '{decisions[-2]['seq']}'", "the decision before")
    settled(stage, "tour/stuck", decisions[-2]["seq"])
    browser.until(f"document.querySelector('.why-head a')?.innerText === '#{decisions[-2]['seq']}'", "its why")
    browser.key("]")
    browser.until(f"new URLSearchParams(location.search).get('at') === '{last['seq']}'", "the decision after")
    changes = [item for item in decisions if item["from"] != item["to"]]
    browser.key("{")
    browser.until(f"['{changes[-1]['seq']}', '{changes[-2]['seq'] if len(changes) > 1 else 0}'].includes(new URLSearchParams(location.search).get('at'))", "the change before")
    browser.key("l")
    browser.until("!location.search.includes('at=')", "live again")


@case
def a_person_writes_a_moment_in_many_ways(stage):
    browser = stage.browser
    stage.open("/")
    for text, wanted in [("#5", "'5'"), ("7", "'7'"), ("2m", None), ("90 s ago", None), ("yesterday 14:03", None), ("2026-11-21 14:03:07", "'2026-11-21T14:03:07.000Z'"), ("14:03", None)]:
        browser.key("t", "")
        browser.until("document.activeElement.classList.contains('moment-field')", "the field has the focus")
        browser.type(text)
        browser.key("Enter")
        browser.until(f"new URLSearchParams(location.search).get('at') {'=== ' + wanted if wanted else '!== null'}", f"{text!r} was understood")
        browser.until("document.querySelector('.now.past') !== null", "the bar says past")
        browser.click("#top button", "Back to live")
        browser.until("document.querySelector('.now.live') !== null", "live again")
    browser.key("t", "")
    browser.type("half past")
    # The bar is drawn anew every second: what is being written stays, and so does the focus.
    now = browser.text(".now time")
    browser.until(f"document.querySelector('.now time').innerText !== {json.dumps(now)}", "a second has passed")
    browser.until("document.activeElement.classList.contains('moment-field') && document.activeElement.value === 'half past'", "the field has the focus and its text")
    browser.type(" nine")
    browser.key("Enter")
    browser.until("document.querySelector('.message.bad')?.innerText.includes('#574')", "what may be written")


@case
def playing_moves_the_moment_and_stops(stage):
    browser = stage.browser
    first = next(item for item in stage.service.get("/v1/decisions?pool=tour/well&limit=10")["items"])
    stage.open(f"/pools/tour/well?at={first['seq']}&last=5m")
    settled(stage, "tour/well", first["seq"])
    browser.until("['.plot .line.demand', '.why-head'].every((each) => document.querySelector(each))", "all of it")
    browser.click(".steps button", "▶ ×1")
    browser.until("/T/.test(new URLSearchParams(location.search).get('at'))", "the moment moves")
    began = stage.param("at")
    browser.until(f"new URLSearchParams(location.search).get('at') > {json.dumps(began)}", "it moves on")
    browser.click(".steps button", "■")
    browser.until("[...document.querySelectorAll('.steps button')].some((e) => e.innerText.includes('×60'))", "it has stopped")


@case
def a_drag_chooses_a_stretch_and_the_minimap_moves_it(stage):
    browser = stage.browser
    stage.open("/pools/tour/stuck?last=5m")
    browser.until("document.querySelector('.plot .line.demand')?.getAttribute('d')?.length > 10", "the chart")
    x, y, width, height, left, top = browser.place(".field")
    browser.drag(left + width * 0.6, top + 80, left + width * 0.9, top + 90)
    browser.until("location.search.includes('from=') && location.search.includes('to=')", "the stretch stands in the address")
    before = stage.param("from")
    browser.until("document.querySelector('.minimap .window') !== null", "the minimap")
    browser.evaluate("document.querySelector('.minimap').focus()")
    browser.key("ArrowLeft")
    browser.until(f"new URLSearchParams(location.search).get('from') < {json.dumps(before)}", "the stretch has moved")


@case
def back_to_when_a_condition_held(stage):
    browser = stage.browser
    if "/v1/pools/{namespace}/{name}/when" not in stage.service.get("/openapi.json")["paths"]:
        return "the service has no such route"
    stage.open("/pools/tour/stuck?last=15m")
    drawn(stage, "tour/stuck")
    browser.click(".back-when input")
    browser.type("desired < 4")
    browser.key("Enter")
    browser.until("location.search.includes('at=')", "it went there")
    check(stage.service.pool("tour/stuck", stage.param("at"))["desired"] < 4, "the condition doesn't hold there")
    return None


@case
def a_policy_is_tried_on_a_stretch_and_saved_as_a_shadow(stage):
    browser = stage.browser
    stage.open("/lab?pool=tour/stuck")
    browser.until("document.querySelector('.lab-history .plot .line.demand')?.getAttribute('d')?.length > 10", "the pool's history")
    x, y, width, height, left, top = browser.place(".lab-history .field")
    browser.drag(left + 40, top + 80, left + width - 60, top + 90)
    browser.until("location.search.includes('from=') && document.querySelector('.selection') !== null", "the stretch that was chosen")
    edit = "(() => {{ const t = document.querySelector('textarea'); t.focus(); const at = t.value.search({0}); t.setSelectionRange(at, at + {1}) }})()"
    browser.evaluate(edit.format("/maxReplicaCount: \\d+/", "t.value.match(/maxReplicaCount: \\d+/)[0].length"))
    browser.type("maxReplicaCount: 12")
    browser.until("document.querySelector('.diff .plus')?.innerText.includes('maxReplicaCount: 12')", "what is different")
    browser.click(".tried button", "Try it")
    browser.until("document.querySelectorAll('.runs tbody tr').length > 5", "the figures", 60)
    policy = browser.evaluate("document.querySelector('textarea').value")
    query = urllib.parse.urlencode({"from": stage.param("from"), "to": stage.param("to")})
    answer = stage.service.request("POST", f"/v1/pools/tour/stuck/whatif?{query}", policy, "application/yaml")
    equal(browser.texts(".runs thead th")[1:], ["as it was", "in force, simulated", "this one, simulated"], "the runs")
    rows = {row[0]: row[1:] for row in browser.evaluate("[...document.querySelectorAll('.runs tbody tr')].map((tr) => [...tr.children].map((e) => e.innerText))")}
    for name, figure in [("Turns", "turns"), ("Times up", "scaleUps"), ("Times down", "scaleDowns"), ("Turns killed", "killed")]:
        equal(rows[name], [str(run[figure]) for run in answer["runs"]], name)
    seconds = browser.evaluate("import('/page/format.js').then((f) => %s.map((s) => f.span(s)))" % json.dumps([run["waitSeconds"]["p95"] for run in answer["runs"]]))
    equal(rows["Wait p95"], seconds, "the wait of one turn in twenty")
    check(browser.evaluate("document.querySelectorAll('.compared .line.run').length") == 3, "three counts are drawn")
    stage.picture("lab-tried", whole=True)
    browser.click(".check button", "Save as a shadow")
    browser.until("document.querySelector('dialog .preview') !== null", "the question before")
    browser.click("dialog button[type=submit]")
    stage.service.until(lambda: any(item["name"] == "stuck-try" and item["shadowOf"] == "stuck" for item in stage.service.get("/v1/policies")["items"]), "the shadow")
    check(stage.service.pool("tour/stuck")["max"] != 12, "the pool's own policy was changed")
    stage.open("/pools/tour/stuck?tab=shadows")
    browser.until("document.querySelector('.shadows')?.innerText.includes('stuck-try')", "the shadow beside the pool")
    # What is wrong is said where it is tried, too, and what runs can be left.
    stage.open("/lab?pool=tour/stuck")
    browser.until("document.querySelector('.tried button') !== null", "the button")
    browser.evaluate("(() => { const t = document.querySelector('textarea'); t.value = t.value.replace('maxReplicaCount', 'maxReplica'); t.dispatchEvent(new Event('input')) })()")
    browser.until("document.querySelector('.problems') !== null", "the problem")
    browser.click(".tried button", "Try it")
    browser.until("document.querySelector('.tried .concern')?.innerText.includes('did you mean')", "why it can't be tried")
    browser.errors[:] = [error for error in browser.errors if not ("400" in error and ("dryRun" in error or "whatif" in error))]


# --- Lists ---


@case
def the_log_is_filtered_and_read(stage):
    browser = stage.browser
    stage.open("/log")
    browser.until("document.querySelectorAll('.log-table .list-row').length > 5", "rows")
    browser.evaluate("const s = document.querySelector('.filters select'); s.value = 'policy.applied'; s.dispatchEvent(new Event('change'))")
    browser.until("location.search.includes('kind=policy.applied')", "the filter stands in the address")
    events = [json.loads(line) for line in stage.service.get("/v1/events?kind=policy.applied&limit=1000").decode().splitlines()]
    browser.until(f"document.querySelectorAll('.log-table .list-row').length === {len(events)}", "only these events")
    newest = events[-1]
    rows = browser.evaluate("[...document.querySelectorAll('.log-table .list-row')].sort((a, b) => a.offsetTop - b.offsetTop).map((e) => e.innerText)")
    check(rows[0].startswith(f"#{newest['seq']}"), f"the newest is first: {rows[0]!r}")
    browser.click(".log-table .expand")
    browser.until(f"document.querySelector('.log-table pre')?.innerText.includes({json.dumps(newest['id'])})", "the event's JSON")
    stage.picture("log")


@case
def the_log_is_verified_by_a_button(stage):
    browser = stage.browser
    stage.open("/log")
    browser.click("main button", "Verify the log")
    browser.until("document.querySelector('.verification .concern.good') !== null", "that it is sound", 120)
    said = browser.text(".verification")
    result = stage.service.request("POST", "/v1/log/verify", "{}")
    check(result["sound"] and result["decisions"] > 5, f"the service says {result}")
    check(f"{result['decisions']:,} decisions come out the same" in said or "decisions come out the same" in said and result["lastSeq"] > 0, said)
    stage.picture("log-verified")


@case
def search_finds_pools_actors_and_moments(stage):
    browser = stage.browser
    stage.open("/nodes")
    browser.until("document.querySelectorAll('.nodes tbody tr').length > 0", "nodes")
    for text, path in [("crash", "/pools/tour/crashing"), ("w-3", "/actors/tour/w-3"), ("#12", "/actors/tour/w-3")]:
        browser.key("/", "")
        browser.until("document.activeElement.type === 'search'", "the field has the focus")
        browser.type(text)
        browser.until("document.querySelectorAll('.results li a').length > 0", f"something for {text!r}")
        browser.key("Enter")
        browser.until(f"location.pathname === {json.dumps(path)}", f"{text!r} leads to {path}")
    equal(stage.param("at"), "12", "the moment that was searched")
    browser.until("document.body.innerText.includes('isn’t there at this moment') || document.body.innerText.includes(\"isn't there at this moment\")", "what is said of an actor before its time")
    # A name that nobody has is 404, and the browser notes it: that is how one is looked for.
    browser.errors[:] = [error for error in browser.errors if not ("404" in error and ("/v1/actors/" in error or "/v1/workers/" in error))]


@case
def keys_and_names_are_there_for_those_who_see_or_point_not(stage):
    browser = stage.browser
    for path in SCREENS:
        stage.open(path)
        browser.until("document.querySelector('h1') !== null", f"a heading on {path}")
        nameless = browser.evaluate("""[...document.querySelectorAll('button, a[href], input, select, textarea')].filter((e) => e.getClientRects().length > 0
          && !(e.innerText?.trim() || e.getAttribute('aria-label') || e.title || e.labels?.length || e.getAttribute('placeholder'))).map((e) => e.outerHTML.slice(0, 120))""")
        equal(nameless, [], f"what has no name on {path}")
    stage.open("/")
    browser.until("document.querySelectorAll('.pool-row a.main').length > 0", "rows")
    browser.evaluate("document.querySelector('.pool-row a.main').focus()")
    browser.key("ArrowDown")
    browser.until("document.activeElement.matches('.list-row a.main')", "the next row has the focus")
    # The board is renewed every second: the focus stays.
    browser.until("new Promise((resolve) => setTimeout(() => resolve(document.activeElement.matches('.list-row a.main')), 2500))", "the focus stays")
    browser.key("?", "")
    browser.until("document.querySelector('dialog .keys') !== null", "the keys")
    browser.key("Escape")
    browser.until("document.querySelector('dialog') === null", "closed again")


@case
def every_screen_fits_a_desk_and_a_phone_in_light_and_dark(stage):
    browser = stage.browser
    for name, size, dark in [("desk-light", DESK, False), ("desk-dark", DESK, True), ("phone-light", PHONE, False), ("phone-dark", PHONE, True)]:
        browser.look(*size, dark, touch=size == PHONE)
        papers = set()
        for path in SCREENS:
            stage.open(path)
            browser.until("document.querySelector('main').innerText.length > 20 && !document.querySelector('.loading')", f"{path} has loaded")
            if path.startswith("/pools"):
                browser.until("['.plot .line.demand', '.why-head'].every((each) => document.querySelector(each))", f"{path} is drawn")
            wide = browser.evaluate("document.documentElement.scrollWidth - innerWidth")
            check(wide <= 0, f"{path} is {wide} pixels too wide for {size[0]}")
            papers.add(browser.evaluate("getComputedStyle(document.body).backgroundColor"))
            stage.picture(f"{name}{path.replace('/', '_').replace('?', '-').replace('=', '-')}", whole=size == PHONE)
        equal(len(papers), 1, f"papers in {name}")
    browser.look(*DESK)


@case
def texts_have_enough_contrast(stage):
    browser = stage.browser
    script = """(() => {
      const rgb = (text) => text.match(/[\\d.]+/g).slice(0, 4).map(Number);
      const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const paper = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0.99) return c; } return [255, 255, 255]; };
      const weak = new Set();
      for (const e of document.querySelectorAll('main *, header *')) {
        if (!e.getClientRects().length || ![...e.childNodes].some((n) => n.nodeType === 3 && n.nodeValue.trim()) || e.closest('svg') || e.disabled) continue;
        const [a, b] = [light(rgb(getComputedStyle(e).color)), light(paper(e))].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < 4.5) weak.add(`${e.tagName}.${e.className} ${ratio.toFixed(1)} ${e.textContent.slice(0, 30)}`);
      }
      return [...weak];
    })()"""
    for dark in (False, True):
        browser.look(*DESK, dark)
        for path in ["/", "/pools/tour/crashing", "/pools/tour/stuck?at=20", "/actors/tour/c-1", "/log", "/lab?pool=tour/stuck"]:
            stage.open(path)
            browser.until("document.querySelector('main').innerText.length > 20 && !document.querySelector('.loading')", f"{path} has loaded")
            equal(browser.evaluate(script), [], f"texts with little contrast on {path} ({'dark' if dark else 'light'})")
    browser.look(*DESK)


# --- Trouble ---


@case
def it_survives_a_restart_of_the_service(stage):
    browser = stage.browser
    stage.open("/pools/tour/well")
    settled(stage, "tour/well")
    errors = len(browser.errors)
    stage.service.stop()
    browser.until("document.querySelector('.health.bad') !== null", "the health dot", 30)
    check("no answer" in browser.text(".health"), browser.text(".health"))
    stage.service.start()
    browser.until("document.querySelector('.health.good') !== null", "it is well again", 30)
    stage.service.events(("actor.requested", "tour/late", {"pool": "tour/well", "expectedMillis": 400_000}))
    stage.service.until(lambda: stage.service.pool("tour/well")["demand"]["resident"] >= 1, "it runs")
    settled(stage, "tour/well")
    # A browser notes requests that got no answer: these were wanted.
    del browser.errors[errors:]


@case
def a_page_that_is_left_lets_go_of_its_stream(stage):
    browser = stage.browser

    def is_watching():
        # Whatever the browser has to tell is heard first.
        browser.evaluate("1")
        return any("/v1/watch" in url for url in browser.pending.values())
    stage.open("/pools/tour/well")
    drawn(stage, "tour/well")
    stage.service.until(is_watching, "the stream")
    browser.evaluate("dispatchEvent(new Event('pagehide'))")
    stage.service.until(lambda: not is_watching(), "the stream's end", 10)
    # A browser may show the page again.
    stage.service.until(is_watching, "the stream again", 10)


@case
def what_is_not_there_is_said_in_words(stage):
    browser = stage.browser
    errors = len(browser.errors)
    for path, words in [("/pools/tour/nowhere", "nothing of that name"), ("/actors/tour/nobody", "no actor"), ("/pools/tour/well?at=1", "may not have been there"), ("/nonsense", None)]:
        if words is None:
            equal(stage.service.status(path), 404, path)
            continue
        stage.open(path)
        browser.until(f"document.body.innerText.toLowerCase().includes({json.dumps(words)})", f"{path}: {words}")
    del browser.errors[errors:]


@case
def a_token_is_asked_for_once_and_its_role_decides(stage):
    read, admin = "read-token-0123456789", "admin-token-0123456789"
    service = Service(stage.program, tokens=[(read, "read", "eyes"), (admin, "admin,read,ingest", "ops")])
    browser = Browser(*DESK)
    try:
        service.start()
        service.policy("one")
        browser.open(service.url + "/pools/tour/one")
        browser.until("document.querySelector('dialog input[type=password]') !== null", "it asks for a token")
        equal(browser.evaluate("document.querySelectorAll('dialog').length"), 1, "questions at once")
        browser.type("wrong-token-0123456789")
        browser.key("Enter")
        browser.until("document.querySelector('dialog .note') !== null && document.querySelector('dialog input[type=password]').value === ''", "it asks again")
        if stage.pictures:
            browser.picture(os.path.join(stage.pictures, "token.png"))
        browser.type(read)
        browser.key("Enter")
        browser.until("document.querySelector('.pool-head h1')?.innerText.includes('one')", "the pool")
        check(read not in browser.evaluate("location.href + JSON.stringify(localStorage)"), "the token is in the address or kept without being asked to")
        browser.click(".actions button", "Pause")
        browser.click("dialog button[type=submit]")
        browser.until("document.querySelector('dialog .problem')?.innerText.includes('may not do that')", "the refusal in words")
        check("pause" not in service.pool("tour/one"), "read may not pause")
    finally:
        browser.close()
        service.close()


# --- A real demo, and many ---


@case
def it_opens_on_a_real_demos_log(stage):
    folder = tempfile.mkdtemp(prefix="greenroom-demo-")
    service = None
    try:
        with open(os.path.join(folder, "demo.txt"), "wb") as out:
            subprocess.run([stage.program, "demo", "--duration", "4", "--speed", "2", "--port", str(free_port()), "--keep", folder], stdout=out, stderr=out, timeout=180, check=True)
        service = Service(stage.program, folder).start()
        browser = stage.browser
        peak = max(service.get("/v1/decisions?pool=demo/code&limit=1000")["items"], key=lambda item: item["to"])
        service.get("/v1/pools/demo/code")
        browser.open(f"{service.url}/pools/demo/code?at={peak['seq']}&last=1m")
        browser.until(f"document.querySelector('.why-head a')?.innerText === '#{peak['seq']}'", "the decision at the peak")
        browser.until(f"document.querySelector('.waterfall .end .count').innerText === '{peak['to']}'", "its count")
        browser.until("document.querySelector('.plot .line.demand')?.getAttribute('d')?.length > 30", "the chart")
        why = json.loads(peak["json"])["why"]
        shown = browser.texts(".waterfall .text")
        for step in why:
            if step["code"] != "DesiredWithinRange" and "T" not in step["text"]:
                check(any(step["text"] in text for text in shown), f"the step {step['text']!r} isn't shown: {shown}")
        if stage.pictures:
            browser.picture(os.path.join(stage.pictures, "demo.png"))
        for path in ["/", f"/?at={peak['seq']}", "/actors", "/log", f"/nodes?at={peak['seq']}"]:
            browser.open(service.url + path)
            browser.until("document.querySelector('main').innerText.length > 20 && !document.querySelector('.loading')", f"{path} has loaded")
    finally:
        if service:
            service.stop()
        shutil.rmtree(folder, ignore_errors=True)


SCROLL = """(async () => {
  const times = [];
  let last = performance.now();
  const step = Math.min(500, Math.floor((document.documentElement.scrollHeight - innerHeight) / 61));
  for (let frame = 0; frame < 60; frame += 1) {
    scrollBy(0, step);
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    times.push(now - last);
    last = now;
  }
  scrollTo(0, 0);
  times.sort((a, b) => a - b);
  return { median: times[30], p95: times[57] };
})()"""


def frames(browser):
    """Scrolls 500 pixels a frame. Gives the main thread's processor time a frame, in milliseconds, and the frame times as they came:
    these depend on what else the machine does, and on drawing without a graphics card."""
    browser.call("Performance.enable", timeDomain="threadTicks")

    def busy():
        return next(item["value"] for item in browser.call("Performance.getMetrics")["metrics"] if item["name"] == "TaskDuration")
    before = busy()
    came = browser.evaluate(SCROLL)
    return {"busy": (busy() - before) * 1000 / 60, **came}


@case
def a_thousand_pools_and_a_hundred_thousand_actors_scroll_without_jank(stage):
    service = Service(stage.program).start()
    browser = Browser(*DESK)
    try:
        for part in range(20):
            service.events(*[("actor.requested", f"many/a-{pool:04}-{number:03}", {"pool": f"many/pool-{pool:04}"}) for pool in range(part * 50, part * 50 + 50) for number in range(100)])
        service.until(lambda: len(service.get("/v1/pools?limit=2000")["items"]) == 1000, "a thousand pools", 120)
        browser.open(service.url + "/")
        browser.until("document.querySelector('.board-head dd')?.innerText === '1,000'", "a thousand rows", 60)
        equal(dict(zip(browser.texts(".board-head dt"), browser.texts(".board-head dd")))["actors wait"], "100,000", "actors that wait")
        check(browser.evaluate("document.querySelectorAll('.list-row').length") < 60, "only the rows in sight exist")
        board = frames(browser)
        browser.open(service.url + "/actors")
        browser.until("document.querySelectorAll('.list-row').length > 10", "actors")
        # To the end of what was read, until all of it was.
        browser.until("""(() => { scrollTo(0, document.documentElement.scrollHeight); return document.querySelector('.filters .note')?.innerText.startsWith('100,000'); })()""", "all the actors", 180)
        check(browser.evaluate("document.querySelectorAll('.list-row').length") < 80, "only the rows in sight exist")
        browser.evaluate("scrollTo(0, 0)")
        actors = frames(browser)
        browser.open(service.url + "/log")
        browser.until("document.querySelectorAll('.list-row').length > 10", "events")
        log = frames(browser)
        measured = {"board": board, "actors": actors, "log": log}
        text = "; ".join(f"{name} {each['busy']:.0f} ms of processor a frame, frames of {each['median']:.0f} ms, p95 {each['p95']:.0f} ms" for name, each in measured.items())
        for name, each in measured.items():
            check(each["busy"] < FRAME_MS, f"{name}: {text}")
        equal(browser.errors, [], "errors on the console")
        return text
    finally:
        browser.close()
        service.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--pictures")
    parser.add_argument("--only", default="")
    parser.add_argument("--files", help="take the page's files from this folder, as they are being edited")
    options = parser.parse_args()
    if find() is None:
        print("SKIPPED  Chromium is not installed: the page was not tried", flush=True)
        return 0
    if options.pictures:
        os.makedirs(options.pictures, exist_ok=True)
    Browser.files = options.files
    stage = Stage(os.path.abspath(options.program), options.pictures)
    wrong = 0
    try:
        stage.prepare()
        for function in cases:
            name = function.__name__.replace("_", " ")
            if options.only not in name:
                continue
            try:
                said = function(stage)
                equal(stage.browser.errors, [], "errors on the console")
                print(f"ok       {name}{f': {said}' if said else ''}", flush=True)
            except Exception as error:  # Every case is tried, whatever became of another.
                wrong += 1
                text = str(error) if isinstance(error, AssertionError) else traceback.format_exc()
                print(f"WRONG    {name}: {text}", flush=True)
                if options.pictures:
                    stage.browser.picture(os.path.join(options.pictures, f"wrong-{function.__name__}.png"))
            stage.browser.errors.clear()
    finally:
        stage.close()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
