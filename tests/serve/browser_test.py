# SPDX-License-Identifier: Apache-2.0
"""browser_test.py KURVE CHROMEDRIVER CHROMIUM SOURCE WORK

The page in headless Chromium: every slider is moved by the keyboard and moves the answer, or says why it cannot; the numbers on the page are those
of the command lines it shows, at each; everything is reached with Tab; each export is a file of its kind; the lessons' answers are
the engine's; nothing goes wrong on the console; nothing is asked of another address; no sideways scrolling at 1280 and 390 px,
light and dark.
"""
import json
import os
import shlex
import shutil
import subprocess
import sys
import time

from support import Served, check
from webdriver import Browser

KURVE, DRIVER, CHROMIUM, SOURCE, WORK = sys.argv[1:6]
END, HOME, RIGHT, LEFT, TAB = "\ue010", "\ue011", "\ue014", "\ue012", "\ue004"


def answered(browser):
    """The answer on the page, once the page has asked all it wanted to."""
    browser.wait("return !asking && !again && !!window.kurveAnswer")
    return browser.run("return kurveAnswer")


def command(line):
    words = shlex.split(line)
    check(words[0] == "kurve", line)
    out = subprocess.run([KURVE, *words[1:], "--json"], cwd=SOURCE, capture_output=True, text=True)
    check(out.returncode in (0, 5), line, out.stderr)
    return json.loads(out.stdout)


def check_same(answer):
    """The command lines on the page give the numbers on the page."""
    curve = command(answer["commands"]["simulate"])
    check(curve["points"] == answer["curve"]["points"] and curve["bend"] == answer["curve"]["bend"], "simulate differs")
    plan = command(answer["commands"]["plan"])
    check(plan["options"] == answer["plan"]["options"], "plan differs")


REFUSED = {  # by a Model that has no network and no stragglers
    "network.inter.bandwidth_Bps", "network.inter.latency", "network.workers_per_node", "overlap.fraction", "gradient_bytes",
    "variability.stragglers.slowdown", "variability.stragglers.probability"}


def check_refused(browser, name, element):
    """The reason is shown, and the slider goes back."""
    before = browser.run("return arguments[0].value", element)
    browser.press(element, LEFT if browser.run("return arguments[0].value === arguments[0].max", element) else RIGHT)
    answered(browser)
    check(not browser.run("return document.getElementById('problem').hidden"), name, "is not refused")
    check(browser.run("return arguments[0].value", element) == before, name, "does not go back")
    browser.run("document.getElementById('reset').click()")
    answered(browser)
    check(browser.run("return document.getElementById('problem').hidden"), name, "after a reset")


def check_sliders(browser, url):
    names = browser.run("return SLIDERS.map((s) => [s.name, s.input.id])")
    check(len(names) == 15, names)
    for name, css in names:
        before = answered(browser)
        element = browser.find("#" + css)
        if name in REFUSED:
            check_refused(browser, name, element)
            continue
        at_end = browser.run("return arguments[0].value === arguments[0].max", element)
        browser.press(element, LEFT * 3 if at_end else RIGHT * 3)
        after = answered(browser)
        check(before["commands"] != after["commands"], f"{name} asks nothing new")
        check_same(after)
        for key in (HOME, END):
            browser.press(element, key)
            answered(browser)
            check(browser.run("return document.getElementById('problem').hidden"), f"{name} at an end:",
                  browser.run("return document.getElementById('problem').textContent"))
        browser.run("document.getElementById('reset').click()")
        answered(browser)
    # Felt together only: the first is refused, and taken with the second.
    for name in ("variability.stragglers.probability", "variability.stragglers.slowdown"):
        browser.press(browser.find("#" + dict(names)[name]), END)
        answer = answered(browser)
    check(browser.run("return document.getElementById('problem').hidden"), "stragglers are refused")
    check(answer["curve"]["points"][-1]["contributions"]["straggler_s"] > 0, "stragglers cost nothing")
    check_same(answer)
    browser.run("document.getElementById('reset').click()")
    answered(browser)
    check_keyboard(browser, url, names)


def check_lessons(browser):
    expected = {  # K, the quantity, what the lesson's answer says of it
        "amdahl": [(64, "speedup", 15.4, 0.05), (1024, "speedup", 19.6, 0.05)],
        "communication": [(8, "comm", 0.0702, 0.0002), (4096, "comm", 0.1619, 0.0005)],
        "stragglers": [(1, "mean", 1.01, 0.001), (100, "mean", 1.63, 0.005), (1000, "mean", 2.00, 0.005)],
        "imbalance": [(32, "mean", 1.27, 0.005), (4096, "mean", 1.65, 0.005)],
        "strong-weak": [(64, "efficiency", 0.136, 0.0005)],
        "baseline": [(64, "efficiency", 0.218, 0.001), (64, "mean", 0.127, 0.0005)],
    }
    for lesson, numbers in expected.items():
        browser.run("document.querySelector(`[data-lesson=${arguments[0]}]`).click()", lesson)
        check(browser.run("return LESSONS.find((l) => l.id === arguments[0]).button.getAttribute('aria-pressed')", lesson) == "true",
              lesson)
        for ranks, what, value, tolerance in numbers:
            browser.run("state.K = arguments[0]; place(); update()", ranks)
            answer = answered(browser)
            point = next(p for p in answer["curve"]["points"] if p["K"] == ranks)
            got = {"speedup": point["speedup"], "mean": point["mean_s"], "efficiency": point["efficiency"]["mean"],
                   "comm": point["contributions"]["exposed_comm_s"]}[what]
            check(abs(got - value) <= tolerance, lesson, ranks, what, got, "said", value)
        if lesson == "strong-weak":
            browser.run("document.querySelector('[name=regime][value=weak]').click()")
            answer = answered(browser)
            check(abs(answer["curve"]["points"][-1]["efficiency"]["mean"] - 0.943) < 0.001, "weak")


def check_keyboard(browser, url, names):
    """From the top of the page Tab reaches everything that can be used, each with a visible focus."""
    browser.open("about:blank")
    browser.open(url)
    answered(browser)
    wanted = {css for _, css in names} | {"model", "reset", "job-kind", "job", "budget", "gpus", "mtbf", "critical-batch", "link"}
    wanted |= set(browser.run("return [...document.querySelectorAll('[data-export], [data-lesson], summary')].filter((e) => e.getClientRects().length).map((e) => e.textContent)"))
    reached = []
    for _ in range(90):
        browser.press(browser.at("element/active", method="GET"), TAB)
        focus = browser.run("const e = document.activeElement; return [e.id || e.textContent, getComputedStyle(e).outlineStyle, e.tagName]")
        if focus[2] == "BODY":
            break
        check(focus[1] != "none", "no visible focus:", focus)
        reached.append(focus[0])
    check(reached[0] == "Skip to the answer", reached[0])
    check(wanted <= set(reached), "not reached with Tab:", wanted - set(reached))


def check_exports(browser, folder):
    browser.devtools("Browser.setDownloadBehavior", behavior="allow", downloadPath=folder)
    for kind, start in (("png", b"\x89PNG\r\n\x1a\n"), ("svg", b"<?xml"), ("csv", b"# kurve: curve/1"), ("json", b"{")):
        path = os.path.join(folder, "kurve." + kind)
        browser.run("document.querySelector('[data-export=' + arguments[0] + ']').click()", kind)
        browser.wait("return document.getElementById('done').textContent === 'saved kurve.' + arguments[0]", kind)
        end = time.monotonic() + 10
        while not os.path.exists(path) and time.monotonic() < end:
            time.sleep(0.05)
        with open(path, "rb") as file:
            check(file.read().startswith(start), path)


def main():
    shutil.rmtree(WORK, ignore_errors=True)
    os.makedirs(WORK)
    with Served(KURVE, "docs/tutorial/strong.json", cwd=SOURCE) as served, \
            Browser(DRIVER, CHROMIUM, os.path.join(WORK, "profile")) as browser:
        browser.window(1280, 900)
        browser.open(served.url)
        check_same(answered(browser))
        check_sliders(browser, served.url)

        browser.open(served.url + "#m=0&K=48&last=1024&t=0.5&s.variability.noise.cv=0.05&p.kind=samples&p.job=64M&p.price=3&p.deadline=86400&p.mtbf=none")
        linked = answered(browser)
        point = next(p for p in linked["curve"]["points"] if p["K"] == 48)
        check(linked["curve"]["threshold"] == 0.5 and point["contributions"]["noise_s"] > 0, "the link's state was lost")
        check(linked["plan"]["deadline_s"] == 86400, "the link's deadline was lost")
        check_same(linked)
        check_exports(browser, WORK)
        line = ["simulate", os.path.join(WORK, "kurve.json"), "-K", "48", "--json"]
        out = json.loads(subprocess.run([KURVE, *line], capture_output=True, text=True).stdout)
        check(out["points"][0]["mean_s"] == point["mean_s"], "the exported Model is another")
        check_lessons(browser)

        for width in (1280, 390):
            for dark in (False, True):
                browser.window(width, 900, dark)
                browser.open(served.url + f"#m=0&K=64&last=4096&p.kind=steps&p.job=10M&p.price=2.5&p.gpus=64&p.mtbf=llama3&lesson=strong-weak&r={width}{dark}")
                browser.run("location.reload()")
                browser.wait("return document.readyState === 'complete' && typeof asking !== 'undefined'")
                answered(browser)
                wide = browser.run("return document.documentElement.scrollWidth")
                check(wide <= width, f"the page is {wide} wide in {width}")
                browser.picture(os.path.join(WORK, f"page-{width}-{'dark' if dark else 'light'}.png"))
        faults = [line for line in browser.console() if "api/answer" not in str(line)]  # Chromium logs each refusal
        check(not faults, faults)
        others = [u for u in browser.requested() if not u.startswith((served.url, "data:", "blob:", "chrome"))]
        check(not others, "asked of others:", others)
    print("ok")


main()
