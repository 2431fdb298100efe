#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs/demo.sh PROGRAM FOLDER: what ./bootstrap demo runs. Every line below that begins with `kurve` can be run by hand.
set -euo pipefail
program=$1 out=$2
mkdir -p "$out"
step() { printf '\n\033[1m== %s\033[0m\n\n' "$1"; }
[ -t 1 ] || step() { printf '\n== %s\n\n' "$1"; }
kurve() {
  printf '$ kurve'; printf ' %q' "$@"; printf '\n\n'
  "$program" "$@"
}
cores=$(nproc)
set_here=data/sets

step "1. Measure this machine ($cores cores, up to a minute)"
echo "A small training step is measured in parts: serial work (the optimizer), compute at several batches, and the"
echo "ring all-reduce between ranks. Then whole steps at every K this machine has, 128 samples a worker (weak scaling)."
echo
if command -v mpirun >/dev/null && [ "$cores" -gt 1 ]; then
  printf '$ mpirun -n %s kurve calibrate --regime weak --global-batch 128 --time-limit 60s --into %s\n\n' "$cores" "$out"
  OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun -n "$cores" "$program" calibrate --regime weak --global-batch 128 --time-limit 60s --into "$out"
else
  kurve calibrate --regime weak --global-batch 128 --time-limit 60s --into "$out"
fi

step "2. Was it right? Whole steps predicted from the parts alone"
echo "This Model has seen no whole step, only the parts. The steps it is held against were measured and not fitted."
echo
kurve fit "$out/components.csv" --out "$out/components_only.json" >"$out/components_only.txt"
kurve validate "$out/steps.csv" --model "$out/components_only.json" | tee "$out/here_validated.txt"

step "3. Predict: the same job on more and more of these cores, to K = 4096"
echo "Parts that were not measured (a network between nodes) are taken as inside one node, and the interval says so."
echo
kurve simulate "$out/model.json" --K 1..4096 --plot "$out/here.svg" | tee "$out/here.txt"
"$program" simulate "$out/model.json" --K 1..4096 --quiet --out "$out/here.csv"

step "4. Check on a real cluster: GPT-3 175B at 6,144 to 10,752 GPUs, predicted from 512 to 4,096"
kurve validate $set_here/mlperf_gpt3_v3_1/points.csv --fit 'K<=4096' --plot "$out/gpt3.svg" | tee "$out/gpt3.txt"

step "5. A scaling table: the worked example of a textbook"
kurve analyze $set_here/book_code_5_2_1/book_code_5_2_1.csv --plot "$out/book.svg" | tee "$out/book.txt"

step "6. One page of it all"
kurve report "$out/steps.csv" "$out/components_only.json" $set_here/mlperf_gpt3_v3_1/points.csv --fit 'K<=4096' --quiet \
      --title "Kurve on $(uname -n): measured, predicted, checked" --out "$out/report.html"
echo "In $out/:"
for file in report.html here.svg gpt3.svg book.svg here.csv components.csv steps.csv model.json; do printf '  %s\n' "$file"; done
echo
echo "Next: kurve analyze your.csv, where your.csv has the columns gpus,time (see README.md)."
