# SPDX-License-Identifier: Apache-2.0
"""axe_test.py KURVE CHROMEDRIVER CHROMIUM SOURCE WORK AXE

axe-core finds no serious or critical fault on the page: at 1280 and 390 px, light and dark, with a plan, every lesson and every
table opened, and with a refused question. AXE is the axe.min.js that ./bootstrap test fetches with npm.
"""
import os
import shutil
import sys

from support import Served, check
from webdriver import Browser

KURVE, DRIVER, CHROMIUM, SOURCE, WORK, AXE = sys.argv[1:7]
STATES = ["m=0&K=64&last=4096&p.kind=steps&p.job=10M&p.price=2.5&p.gpus=64&p.mtbf=llama3&lesson=strong-weak",
          "m=0&K=64&last=4096&p.kind=steps&p.job=10M&p.price=2.5&p.deadline=3600&s.variability.noise.cv=0.1",  # impossible
          "m=0&K=64&last=4096&s.serial=-1"]  # refused


def faults(browser):
    result = browser.at("execute/async", {"script": "const done = arguments[0]; axe.run().then(done)", "args": []})
    check(len(result["passes"]) > 20, "axe checked next to nothing:", len(result["passes"]))
    return [(v["id"], v["impact"], [n["html"][:160] for n in v["nodes"][:3]]) for v in result["violations"]]


def main():
    if not os.path.exists(AXE):
        print(f"skipped: no axe-core ({AXE}; ./bootstrap test fetches it with npm)")
        return
    with open(AXE) as file:
        axe = file.read() + "; window.axe = axe;"
    shutil.rmtree(WORK, ignore_errors=True)
    with Served(KURVE, "docs/tutorial/strong.json", cwd=SOURCE) as served, Browser(DRIVER, CHROMIUM, WORK) as browser:
        minor = set()
        for width, dark, state in [(w, d, s) for w in (1280, 390) for d in (False, True) for s in STATES]:
            browser.window(width, 900, dark)
            browser.open("about:blank")
            browser.open(served.url + "#" + state)
            browser.wait("return typeof asking !== 'undefined' && !asking && (!!window.kurveAnswer || !document.getElementById('problem').hidden)")
            browser.run("for (const d of document.querySelectorAll('details')) d.open = true")
            browser.run(axe)
            found = faults(browser)
            check(not [v for v in found if v[1] in ("serious", "critical")], width, "dark" if dark else "light", state, found)
            minor |= {v[0] for v in found}
        # The check can fail: a picture without a name, a field without a label.
        browser.run("document.body.append(new Image(), document.createElement('input'))")
        check({"image-alt", "label"} <= {v[0] for v in faults(browser)}, "axe is blind")
    print("nothing serious; lesser:", sorted(minor))


main()
