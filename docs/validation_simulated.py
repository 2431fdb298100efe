#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/validation_simulated.py PROGRAM STUDIES... -- SPLIT...

Scores what `kurve simulate` prints: each study is fitted on its fitted part (`kurve fit`), each held-out (K, B) is asked of
the Model (`kurve simulate -K K -B B`), and its T and interval are held against the measurement. Which points are held
out, and which studies can be divided, `kurve validate STUDIES... SPLIT` says. Prints one cell of docs/validation.md.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile


def quantile(values, level):
    """Linear between order statistics, as Kurve's own."""
    values = sorted(values)
    at = level * (len(values) - 1)
    low = int(at)
    return values[low] + (at - low) * (values[min(low + 1, len(values) - 1)] - values[low])


def ask(program, *arguments):
    return json.loads(subprocess.run([program, *arguments, "--json"], check=True, capture_output=True, text=True).stdout)


def simulated(program, card, folder):
    """(measured, T, low, high) of each held-out point of a study."""
    model = os.path.join(folder, "model.json")
    last = max(p["K"] for p in card["points"] if p["part"] == "fitted")
    subprocess.run([program, "fit", card["study"], "--fit", f"K<={last:.0f}", "--out", model, "--quiet"], check=True, capture_output=True)
    for point in card["points"]:
        if point["part"] == "held out":
            there = ask(program, "simulate", model, "-K", f"{point['K']:.0f}", "-B", repr(point["global_batch"]))["points"][0]
            yield point["measured_s"], there["mean_s"], there["low_s"], there["high_s"]


def main():
    program, *rest = sys.argv[1:]
    studies, split = rest[:rest.index("--")], rest[rest.index("--") + 1:]
    with tempfile.TemporaryDirectory() as folder:
        rows = [row for card in ask(program, "validate", *studies, *split)["studies"] for row in simulated(program, card, folder)]
    errors = [abs(t / measured - 1) for measured, t, _, _ in rows]
    inside = sum(low <= measured <= high for measured, _, low, high in rows) / len(rows)
    width = statistics.median((high - low) / (2 * t) for _, t, low, high in rows) / statistics.median(errors)
    figures = [100 * x for x in (statistics.median(errors), statistics.mean(errors), quantile(errors, 0.9))]
    print("{:.1f} / {:.1f} / {:.1f} %, {:.0f} %, {:.1f}".format(*figures, 100 * inside, width))


main()
