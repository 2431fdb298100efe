# SPDX-License-Identifier: Apache-2.0
"""schema_test.py KURVE SOURCE

What the program writes is what docs/schema promises: Models, Curves and Plans of every kind against their JSON Schema; and the
schemas can say no. Needs Debian's python3-jsonschema.
"""
import copy
import glob
import json
import os
import subprocess
import sys
import tempfile

import jsonschema

KURVE, SOURCE = sys.argv[1:3]
SCHEMAS = {}
for path in glob.glob(os.path.join(SOURCE, "docs", "schema", "*.json")):
    with open(path) as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    SCHEMAS[schema["properties"]["schema"]["const"]] = schema


def complaints(document):
    schema = SCHEMAS[document["schema"]]
    resolver = jsonschema.RefResolver(schema["$id"], schema, store={s["$id"]: s for s in SCHEMAS.values()})
    return [f"{list(e.path)}: {e.message[:200]}" for e in jsonschema.Draft202012Validator(schema, resolver=resolver).iter_errors(document)]


def written(*arguments):
    run = subprocess.run([KURVE, *arguments, "--json"], cwd=SOURCE, capture_output=True, text=True)
    assert run.returncode in (0, 5), (arguments, run.returncode, run.stderr)
    document = json.loads(run.stdout)
    found = complaints(document)
    assert not found, (arguments, found)
    return document


def plans(gpt3, other):
    strong, price = "docs/tutorial/strong.json", "--price=2.5/gpu-hour"
    yield written("plan", strong, "--steps=1M", price, "-K8..64", "--deadline=7d", "--budget=1M", "--watts=700")
    yield written("plan", strong, "--steps=1M", "-K8..64", "--mtbf=none")
    yield written("plan", strong, "--steps=100M", price, "-K8..64", "--deadline=2h")  # impossible
    yield written("plan", strong, "--steps=1M", price, "-K8..64", "--value-of-time=500/h", "--mtbf=20000h..80000h/gpu")
    yield written("plan", "docs/tutorial/weak.json", "--min-steps=10k", "--critical-batch=4096", price, "-K8..64", "--mtbf=rsc1")
    yield written("plan", gpt3, "--steps=1k", "-B2048", "-K512,1024", "--mtbf=1s/gpu", price)  # a run that never ends
    yield written("plan", gpt3, other, "--steps=100k", "-B2048", "-K512..4096", "--price=2.5,1.9", "--deadline=30d", "--gpus=4096,2048", "--block=64")


def main():
    with tempfile.TemporaryDirectory() as folder:
        gpt3, other = os.path.join(folder, "gpt3.json"), os.path.join(folder, "other.json")
        subprocess.run([KURVE, "fit", "data/sets/mlperf_gpt3_v3_1/points.csv", "--out", gpt3], cwd=SOURCE, check=True, capture_output=True)
        subprocess.run([KURVE, "fit", "data/sets/megascale_gpt_175b/megascale.csv", "--out", other], cwd=SOURCE, check=True, capture_output=True)
        for path in (gpt3, other, os.path.join(SOURCE, "docs/tutorial/strong.json")):
            with open(path) as file:
                model = json.load(file)
            assert not complaints(model), (path, complaints(model))
        curve = written("simulate", "docs/tutorial/strong.json", "-K1..64")
        written("simulate", gpt3, "-K512,1024", "-B2048", "--method=workers", "--trials=1000")
        plan = list(plans(gpt3, other))[0]
    for document, path, value in [(plan, ["options", 0, "p_deadline"], 1.5), (plan, ["options", 0, "surprise"], 1), (plan, ["recommended"], 64),
                                  (plan, ["failures", "source"], "guessed"), (curve, ["points", 0, "mean_s"], "fast"), (model, ["parameters"], [])]:
        wrong = copy.deepcopy(document)
        at = wrong
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value
        assert complaints(wrong), path
    print("ok")


main()
