# SPDX-License-Identifier: Apache-2.0
"""security_test.py KURVE SOURCE

What docs/security.md promises, each kind with harmless input: Models and Studies from others, what reaches a terminal or a file,
runs with an end, files, options. (The server: tests/serve/http_test.py.) Python's standard library, a folder of its own, bounded.
"""
import json
import os
import re
import stat
import subprocess
import sys
import tempfile

KURVE, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
OK, USAGE, BAD_DATA, DEVICE = 0, 2, 3, 4
STRONG = os.path.join(SOURCE, "docs/tutorial/strong.json")
BOOK = os.path.join(SOURCE, "data/sets/book_code_5_2_1/book_code_5_2_1.csv")


def check(condition, *words):
    if not condition:
        raise AssertionError(" ".join(str(w) for w in words))


def kurve(*arguments, expect, says="", **options):
    """One run; its exit code is `expect`, and its output says `says`."""
    run = subprocess.run([KURVE, *arguments], capture_output=True, text=True, errors="replace", timeout=120, **options)
    both = run.stdout + run.stderr
    check(run.returncode == expect, arguments, "ended with", run.returncode, "not", expect, both[:1500])
    check(says in both, arguments, "does not say", repr(says), both[:1500])
    check("internal error" not in both, both[:1500])
    return run


def write(name, text):
    with open(name, "w", encoding="utf-8") as file:
        file.write(text if isinstance(text, str) else json.dumps(text, indent=2))
    return name


def model(changes):
    """The tutorial's Model with one value changed: {"parameters/serial/sd": 1}."""
    with open(STRONG) as file:
        document = json.load(file)
    for path, value in changes.items():
        at = document
        *steps, last = path.split("/")
        for step in steps:
            at = at.setdefault(step, {})
        at[last] = value
    return document


def line_of(path, text):
    with open(path) as file:
        return 1 + next(i for i, line in enumerate(file) if text in line)


def check_models():
    for changes in ({"parameters/serial/sd": None}, {"parameters/serial/sd": 1e300}, {"parameters/serial/sd": -1}, {"parameters/serial/sd": 1e9},
                    {"parameters/serial/value": 1e300}, {"parameters/serial/value": -1}, {"parameters/serial/value": None}, {"parameters/serial/value": "0.04"},
                    {"global_batch": 1e300}, {"global_batch": 0}, {"baseline_ranks": 1e300}, {"baseline_ranks": 0.5},
                    {"parameters/extra.per_log2/value": 1e11}, {"parameters/serial/unit": "ms"}, {"regime": "sideways"}):
        path = write("model.json", model(changes))
        key = next(iter(changes)).split("/")[-1]
        where = next(iter(changes)).split("/")[-2] if "parameters" in next(iter(changes)) else key
        run = kurve("simulate", path, expect=BAD_DATA)
        named = int(re.match(r"kurve: model\.json:(\d+): ", run.stderr).group(1))
        check(line_of(path, f'"{where}"') <= named <= line_of(path, f'"{where}"') + 4, changes, run.stderr)
        check(key in run.stderr, key, run.stderr)
    overflow = write("model.json", json.dumps(model({}), indent=1).replace('"value": 0.04', '"value": 1e999', 1))
    kurve("simulate", overflow, expect=BAD_DATA, says="1e999")
    # Inside every range and yet beyond all numbers together: refused, not printed as inf.
    drift = model({"parameters/discrepancy.log_growth": {"value": 10, "unit": "1", "sd": 1}, "parameters/discrepancy.power": {"value": 4, "unit": "1"},
                   "parameters/discrepancy.from_ranks": {"value": 1, "unit": "1"}})
    kurve("simulate", write("model.json", drift), "-K", "1..4096", expect=USAGE, says="beyond all numbers")
    # Whatever a plan and a price come to, a number is a number.
    long = write("model.json", model({"parameters/serial/value": 1e10, "parameters/compute.per_sample/value": 1e10, "parameters/extra.per_log2/value": 1e10}))
    for path in (long, STRONG):
        for arguments in (["--steps", "1"], ["--steps", "1e15", "--price", "1e18/gpu-hour"], ["--steps", "1M", "--price", "1e-320"], ["--steps", "1M", "--budget", "1e18", "--price", "3"]):
            run = subprocess.run([KURVE, "plan", path, *arguments], capture_output=True, text=True, timeout=120)
            check(run.returncode in (OK, 5) and not re.search(r"\b(nan|inf)\b|\\u0000", run.stdout), arguments, run.returncode, run.stdout, run.stderr)
            check(max(len(line) for line in run.stdout.splitlines()) <= 80, run.stdout)
    for amount in ("1e300", "1e19", "1e308T", "inf", "nan", "-1"):
        kurve("plan", STRONG, "--steps", "1M", "--price", amount, expect=USAGE)
        kurve("plan", STRONG, "--steps", amount, expect=USAGE)
    # The widest values that are allowed keep the tables inside 80 columns.
    for value in (1e10, 1e-11):
        wide = model({"parameters/serial/value": value, "parameters/compute.per_sample/value": value, "parameters/extra.per_log2/value": value})
        for arguments in (["-K", "1..1048576"], ["-K", "1..4096", "--attribute"], ["-K", "64", "--set", "variability.persistent.probability=0.01,0.02", "--set", "variability.persistent.slowdown=2"], ["-K", "1..64", "--method", "workers", "-n", "100"]):
            out = kurve("simulate", write("model.json", wide), *arguments, expect=OK).stdout
            check(not re.search(r"\b(nan|inf)\b", out), out)
            check(max(len(line) for line in out.splitlines()) <= 80, out)


def check_studies():
    for column, cell in (("step_time_s", "1e-300"), ("step_time_s", "1e300"), ("step_time_s", "nan"), ("step_time_s", "-inf"), ("global_batch", "1e300")):
        row = {"K": "2", "global_batch": "8", "step_time_s": "0.5", column: cell}
        path = write("study.csv", "# kurve: study/1\n# workload: w\n" + ",".join(row) + "\n1,8,1\n" + ",".join(row.values()) + "\n")
        for verb in ("analyze", "audit", "fit"):
            kurve(verb, path, expect=BAD_DATA, says="study.csv:5: ")
    for verb in (["simulate"], ["plan"], ["serve"], ["validate", BOOK, "--model"]):
        kurve(*verb, BOOK, *(["--steps", "10"] if verb == ["plan"] else []), expect=BAD_DATA, says=f"`kurve fit {BOOK} --out model.json`")
    write("a 'b.csv", "gpus,time\n1,1.0\n2,0.6\n4,0.4\n")
    kurve("simulate", "a 'b.csv", expect=BAD_DATA, says=r"""`kurve fit 'a '\''b.csv' --out model.json`""")


CONTROLS = "\x1b]0;title\x07\x1b[31m\x9b31m\x7f\r"


def clean(text, *words):
    found = [c for c in text if (ord(c) < 0x20 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0]
    check(not found, *words, found, repr(text[:400]))


def check_text():
    name = "work" + CONTROLS + "\n9,9,9,9\n=1+1"
    path = write("model.json", model({"workload": name, "parameters/serial/note": name}))
    for arguments in ([], ["--json"], ["--plot", "-"], ["-o", "curve.csv"], ["-o", "curve.json"], ["-o", "text"]):
        run = kurve("simulate", path, "-K", "1,2,4", *arguments, expect=OK)
        clean(run.stdout + run.stderr, arguments)
        if "-o" in arguments:
            with open(arguments[1], encoding="utf-8") as file:
                text = file.read()
            clean(text, arguments)
            check(not re.search(r"^(9,9|=1)", text, re.M), "a forged line", text[:600])
    kurve("report", path, "-o", "page.html", expect=OK)
    with open("page.html", encoding="utf-8") as file:
        clean(file.read(), "report")
    odd = write("odd\x1b[2J\nname.csv", "gpus,time,note\n1,1.0,a\n2,0.6,b\n")  # a file's name and an unknown column, in messages
    clean(kurve("analyze", odd, expect=BAD_DATA).stderr, "message")
    clean(kurve("simulate", STRONG, "--set", "ser\x1b[2Jial=1", expect=USAGE).stderr, "message")
    clean(kurve("analyze", "--col\x1b[2Jour", expect=USAGE).stderr, "message")
    study = write("study.csv", '# kurve: study/1\n# workload: w\x9b1m\n# configuration: mode\nK,step_time_s,mode\n1,1.0,"a\n9,9,9"\n2,0.6,"a\n9,9,9"\n')
    clean(kurve("analyze", study, "--export", "again.csv", expect=OK).stdout, "analyze")
    with open("again.csv", encoding="utf-8") as file:
        text = file.read()
    clean(text, "export")
    check(text.count("\n9,9") == 0, "a forged line", text)
    kurve("analyze", "again.csv", expect=OK)


def check_ends():
    for verb in (["simulate", STRONG], ["validate", BOOK], ["fit", BOOK], ["plan", STRONG, "--steps", "10"]):
        for draws in ("9", "100001", "-5", "nan"):
            kurve(*verb, "--draws", draws, expect=USAGE, says="draws")
    kurve("simulate", STRONG, "-K", "1:1000000:1", expect=USAGE, says="1000 values")
    kurve("simulate", STRONG, "--set", "serial=" + ",".join(["1"] * 2000), expect=USAGE, says="values")
    kurve("simulate", STRONG, "--set", "serial=0.01..nan", expect=USAGE, says="doubles")
    kurve("simulate", STRONG, "-m", "ring", "-K", "1048576", "-n", "2", expect=USAGE, says="ring")
    kurve("simulate", STRONG, "--config", "/dev/zero", expect=USAGE, says="1 MiB")
    kurve("calibrate", "--device", "host", "--workload", "wait: gradient=1TiB", "--into", "c", expect=USAGE, says="16GiB")
    loud = "i=0; while [ $i -lt 20 ]; do echo step_time_s=0.01; i=$((i+1)); done; yes loud | head -c 80000000; sleep 0.3"
    kurve("calibrate", "--quiet", "--command", loud, "--ranks", "1", "--batches", "1", "--runs", "2", "--into", "loud", expect=OK)
    for name in os.listdir("loud/logs"):
        check(os.path.getsize("loud/logs/" + name) < 33 << 20, name, os.path.getsize("loud/logs/" + name))
        with open("loud/logs/" + name) as file:
            check("bytes of output left out" in file.read()[-200:], name)


def check_files():
    with open(STRONG) as file:
        original = file.read()
    write("model.json", original)
    os.link("model.json", "hard.json")
    os.symlink("model.json", "soft.json")
    write("study.csv", open(BOOK).read())
    for arguments in (["simulate", "model.json", "-o", "model.json"], ["simulate", "model.json", "-o", "./model.json"], ["simulate", "model.json", "-o", "hard.json"],
                      ["simulate", "model.json", "-o", "soft.json"], ["simulate", "soft.json", "--json", "-o", "model.json"],
                      ["plan", "model.json", "--steps", "10", "-o", "model.json"], ["report", "model.json", "-o", "model.json"],
                      ["fit", "study.csv", "-o", "study.csv"], ["analyze", "study.csv", "--export", "study.csv"], ["audit", "study.csv", "-o", "study.csv"],
                      ["validate", "study.csv", "--model", "model.json", "-o", "model.json"]):
        kurve(*arguments, expect=USAGE, says="overwritten")
    kurve("simulate", "model.json", "-o", "x.svg", "--plot", "x.svg", expect=USAGE, says="another result")
    check(open("model.json").read() == original and open("study.csv").read() == open(BOOK).read(), "an input was changed")
    kurve("fit", "study.csv", "-o", "fitted.json", expect=OK)
    kurve("calibrate", "--from", "study.csv", "--into", "from", expect=OK)
    kurve("calibrate", "--from", "from/steps.csv", "--into", "from", expect=USAGE, says="overwritten")

    check(json.loads(kurve("simulate", "model.json", "--json", "-o", "-", expect=OK).stdout)["points"], "-o -")
    check(json.loads(kurve("fit", "study.csv", "-o", "-", expect=OK).stdout)["parameters"], "fit -o -")
    check(not os.path.exists("-"), "a file called -")

    # Links are followed, dangling ones too; what is read-only stays; stale temporary files are in nobody's way.
    write("target.json", "old")
    os.symlink("target.json", "link.json")
    os.symlink("made.json", "dangling.json")
    for link in ("link.json", "dangling.json"):
        kurve("fit", "study.csv", "-o", link, expect=OK)
        check(os.path.islink(link) and "kurve.model" in open(link).read(), link)
    os.symlink("loop.json", "loop.json")
    kurve("fit", "study.csv", "-o", "loop.json", expect=USAGE, says="cannot write")
    write("kept.json", "kept")
    os.chmod("kept.json", stat.S_IRUSR)
    kurve("fit", "study.csv", "-o", "kept.json", expect=USAGE, says="Permission denied")
    check(open("kept.json").read() == "kept", "a read-only file was replaced")
    check(not [n for n in os.listdir(".") if ".tmp" in n], os.listdir("."))

    kurve("analyze", "study.csv", "--plot", "x.svg", expect=USAGE, says="TMPDIR", env={**os.environ, "TMPDIR": "/no/such/folder"})
    if os.path.exists("/dev/full"):
        for arguments in (["--help"], ["--version"], ["simulate", "--help"], ["simulate", "model.json"], ["simulate", "model.json", "--json"]):
            with open("/dev/full", "w") as full:
                run = subprocess.run([KURVE, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
            check(run.returncode == DEVICE and "No space left" in run.stderr, arguments, run.returncode, run.stderr)
        kurve("simulate", "model.json", "-o", "/dev/full", expect=DEVICE, says="No space left")


def check_options():
    for arguments in (["validate", BOOK, "--max-error", "nan"], ["validate", BOOK, "--max-error", "inf"], ["validate", BOOK, "--max-error=-0.05"], ["validate", BOOK, "--ratio", "nan"],
                      ["simulate", STRONG, "--trial", "-1"], ["simulate", STRONG, "--trial=-1"], ["simulate", STRONG, "--trial=4294967296"],
                      ["simulate", STRONG, "--seed=-1"], ["fit", BOOK, "--seed", "-1"], ["fit", BOOK, "--seed= -1"], ["simulate", STRONG, "--threshold", "nan"],
                      ["audit", BOOK, "--reference-K", "nan"]):
        kurve(*arguments, expect=USAGE)
    kurve("simulate", STRONG, "--config", write("seed.cfg", "seed = -1\n"), expect=USAGE, says="seed")


def main():
    with tempfile.TemporaryDirectory() as folder:
        for part in (check_models, check_studies, check_text, check_ends, check_files, check_options):
            home = os.path.join(folder, part.__name__)
            os.mkdir(home)
            os.chdir(home)
            part()
            print(part.__name__, "holds")
        os.chdir("/")


main()
