# SPDX-License-Identifier: Apache-2.0
"""Headless Chromium through ChromeDriver, by the W3C WebDriver protocol over plain HTTP."""
import base64
import json
import re
import subprocess
import time
import urllib.request


class Browser:
    def __init__(self, driver, chromium, profile, dark=False):
        self.process = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        port = None
        for line in self.process.stdout:
            found = re.search(r"started successfully on port (\d+)", line)
            if found:
                port = found.group(1)
                break
        self.base = f"http://127.0.0.1:{port}"
        options = {"binary": chromium, "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                                               "--disable-background-networking", "--disable-component-update",
                                               "--no-first-run", f"--user-data-dir={profile}",
                                               *(["--force-dark-mode"] if dark else [])]}
        capabilities = {"browserName": "chrome", "goog:chromeOptions": options,
                        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        self.session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})["sessionId"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call("DELETE", f"/session/{self.session}")
        finally:
            self.process.terminate()
            self.process.wait(timeout=20)

    def call(self, method, path, body=None):
        data = None if method in ("GET", "DELETE") else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())["value"]

    def at(self, command, body=None, method="POST"):
        return self.call(method, f"/session/{self.session}/{command}", body)

    def open(self, url):
        self.at("url", {"url": url})

    def run(self, script, *arguments):
        return self.at("execute/sync", {"script": script, "args": list(arguments)})

    def devtools(self, command, **parameters):
        return self.at("goog/cdp/execute", {"cmd": command, "params": parameters})

    def window(self, width, height, dark=False):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def press(self, element, keys):
        name = next(iter(element.values()))
        self.at(f"element/{name}/value", {"text": keys})

    def find(self, css):
        return self.at("element", {"using": "css selector", "value": css})

    def console(self):
        return [e for e in self.at("se/log", {"type": "browser"}) if e["level"] in ("SEVERE", "WARNING")]

    def requested(self):
        """Addresses of every request that the page made so far."""
        urls = []
        for entry in self.at("se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(message["params"]["request"]["url"])
        return urls

    def picture(self, path, whole=True):
        height = self.run("return document.documentElement.scrollHeight") if whole else 900
        width = self.run("return document.documentElement.clientWidth")
        shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=True,
                             clip={"x": 0, "y": 0, "width": width, "height": height, "scale": 1})
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))

    def wait(self, script, *arguments, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.run(script, *arguments):
                return
            time.sleep(0.03)
        raise AssertionError(f"never true: {script} {arguments}")
