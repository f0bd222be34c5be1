"""A headless Chromium that a test drives as a person would: by mouse, keyboard and finger.

Speaks the DevTools protocol over two pipes, so it opens no port. Everything waits for a condition with a limit; nothing sleeps.
What the page wrote on its console as an error, and what it threw, is kept in `errors`.
"""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
ANSWER_SECONDS = 60


def find():
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    # Where the page's files are taken from instead of the program, so that they can be tried as they are edited.
    files = None

    def __init__(self, width=1440, height=900, dark=False, touch=False):
        self.folder = tempfile.mkdtemp(prefix="greenroom-page-")
        to_browser, self.write_to = os.pipe()
        self.read_from, from_browser = os.pipe()

        command = [find(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-default-browser-check",
                   f"--user-data-dir={self.folder}/profile", f"--window-size={width},{height}", "--remote-debugging-pipe", "about:blank"]
        # The browser reads descriptor 3 and writes 4, whatever numbers the pipes have here.
        script = 'exec 3<&"$0" 4>&"$1"; shift; exec "$@"'
        self.process = subprocess.Popen(["bash", "-c", script, str(to_browser), str(from_browser), *command], pass_fds=[to_browser, from_browser],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(to_browser)
        os.close(from_browser)
        self.rest = b""
        self.number = 0
        self.events = []
        self.errors = []
        # Requests without a whole answer, by their number: said where something isn't there in time.
        self.pending = {}
        self.session = None
        targets = self.call("Target.getTargets")["targetInfos"]
        target = next(item for item in targets if item["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network"]:
            self.call(f"{domain}.enable")
        if self.files:
            self.call("Fetch.enable", patterns=[{"urlPattern": "*/page/*"}])
        self.look(width, height, dark, touch)

    def look(self, width, height, dark=False, touch=False):
        self.size = (width, height)
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)
        self.call("Emulation.setTouchEmulationEnabled", enabled=touch)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self.write_to)
        os.close(self.read_from)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- The protocol ---

    def call(self, method, **params):
        self.number += 1
        number = self.number
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write_to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            answer = self.receive(deadline)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def receive(self, deadline):
        while b"\0" not in self.rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.read_from], [], [], left)[0]:
                raise TimeoutError(f"the browser gave no answer within {ANSWER_SECONDS} s")
            part = os.read(self.read_from, 1 << 20)
            if not part:
                raise RuntimeError("the browser has ended")
            self.rest += part
        line, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(line)
        self.note(message)
        return message

    def note(self, message):
        method, params = message.get("method"), message.get("params", {})
        if method == "Fetch.requestPaused":
            self.give(params)
        elif method == "Network.requestWillBeSent":
            self.pending[params["requestId"]] = params["request"]["url"]
        elif method in ("Network.loadingFinished", "Network.loadingFailed"):
            self.pending.pop(params["requestId"], None)
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.errors.append(" ".join(str(item.get("value", item.get("description"))) for item in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    def give(self, request):
        name = os.path.basename(request["request"]["url"].split("?")[0])
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        with open(os.path.join(self.files, name), "rb") as file:
            body = base64.b64encode(file.read()).decode()
        # Nobody waits for the answer to this.
        self.number += 1
        message = {"id": self.number, "method": "Fetch.fulfillRequest", "sessionId": self.session, "params": {
            "requestId": request["requestId"], "responseCode": 200, "responseHeaders": [{"name": "content-type", "value": kind}], "body": body}}
        os.write(self.write_to, json.dumps(message).encode() + b"\0")

    # --- What a person does and sees ---

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails'].get('exception', {}).get('description')}")
        return answer["result"].get("value")

    def open(self, url):
        # The document before must not be taken for the new one.
        self.evaluate("delete document.documentElement.dataset.ready")
        self.pending.clear()
        self.call("Page.navigate", url=url)
        self.until("document.documentElement.dataset.ready === 'true'", f"{url} is ready")

    def until(self, condition, what=None, seconds=20):
        """Waits until an expression is true, and gives its value."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                value = self.evaluate(condition)
            except RuntimeError:
                value = None
            if value:
                return value
            if time.monotonic() > deadline:
                text = self.evaluate("document.body.innerText.slice(0, 1500)")
                waits = "\n".join(self.pending.values())
                load = self.evaluate("import('/page/api.js').then((api) => JSON.stringify(api.load()), (error) => String(error))")
                errors = "\n".join(self.errors)
                raise AssertionError(f"not within {seconds} s: {what or condition}\n--- the page says:\n{text}\n--- it waits for ({load}):\n{waits}\n--- errors:\n{errors}")
            # A frame of the page's, not a guess at how long something takes.
            self.evaluate("new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 20)))")

    def text(self, selector):
        return self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText ?? null")

    def texts(self, selector):
        return self.evaluate(f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => e.innerText)")

    def place(self, selector, containing=None):
        """Where something is, once it stands still: a page that loads or scrolls moves it, and a person waits for that."""
        script = f"""(async () => {{
          const frame = () => new Promise(requestAnimationFrame);
          const all = [...document.querySelectorAll({json.dumps(selector)})].filter((e) => e.getClientRects().length > 0);
          const e = all.find((each) => {json.dumps(containing)} === null || each.textContent.includes({json.dumps(containing)}));
          if (!e) return null;
          const box = e.getBoundingClientRect();
          if (box.top < 60 || box.bottom > innerHeight - 10) e.scrollIntoView({{block: 'center', behavior: 'instant'}});
          const before = e.getBoundingClientRect();
          for (let frames = 0; frames < 4; frames += 1) await frame();
          const place = e.getBoundingClientRect();
          if (!e.isConnected || place.top !== before.top || place.left !== before.left) return null;
          return [place.left + place.width / 2, place.top + place.height / 2, place.width, place.height, place.left, place.top];
        }})()"""
        return self.until(script, f"{selector} {containing or ''} can be seen")

    def click(self, selector, containing=None):
        x, y = self.place(selector, containing)[:2]
        self.click_at(x, y)

    def click_at(self, x, y):
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"]:
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="none" if kind == "mouseMoved" else "left", clickCount=1)

    def drag(self, x, y, to_x, to_y, steps=6):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
        for step in range(1, steps + 1):
            self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + (to_x - x) * step / steps, y=y + (to_y - y) * step / steps, button="left", buttons=1)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=to_x, y=to_y, button="left", clickCount=1)

    def hover(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def key(self, key, text=None, shift=False):
        codes = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, " ": 32}
        text = text if text is not None else ("\r" if key == "Enter" else key if len(key) == 1 else "")
        common = dict(key=key, windowsVirtualKeyCode=codes.get(key, ord(key.upper()) if len(key) == 1 else 0), modifiers=8 if shift else 0)
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def picture(self, path, whole=False):
        width, height = self.size
        if whole:
            height = min(4000, self.evaluate("document.documentElement.scrollHeight"))
        clip = {"clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}, "captureBeyondViewport": True} if whole else {}
        form = {"format": "webp", "quality": 86} if path.endswith(".webp") else {"format": "png"}
        data = self.call("Page.captureScreenshot", **form, **clip)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))
