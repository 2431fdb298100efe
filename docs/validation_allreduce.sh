#!/usr/bin/env bash
# Makes docs/validation_allreduce.md: how all-reduces that were held out of nccl-tests logs are predicted.
# docs/validation_allreduce.sh build/kurve LOG_FOLDER > docs/validation_allreduce.md
set -euo pipefail
kurve=$1
logs=$2

cat <<'TEXT'
# How held-out all-reduces fared

Made by `docs/validation_allreduce.sh build/kurve LOGS` on 29 printed logs of `all_reduce_perf` (nccl-tests; 4 to 128 ranks, V100 to GB300, InfiniBand,
RoCE, EFA, Slingshot, NVLink). Measured is the ordinary time of a log's two repeats; no held-out row enters a fit.

**What was fixed beforehand.** The chain of lines between sizes has no constant that was fitted to these logs but the usual miss of 5 %, which counts as four
residuals. NCCL's law has NCCL's constants; the share of a two-node bus bandwidth that is left beyond two nodes where switches reduce (0.74) is the mean of the two H100
clusters below, so each of them lends the other half of it: from the other alone it would be 0.78 and 0.70. The growth of the interval
with doublings is assumed: no cluster here has three rank counts beyond one node.

## Sizes between measured ones

Every other size fitted, those between predicted, and the other way round. The worst logs are noise: a DGX-1 whose repeats differ by a factor of 7, a Slingshot
system that fell back to TCP, an excerpt of 6 sizes.

TEXT
run() {
  echo '```'
  echo "\$ kurve validate $1"
  echo
  shift
  "$kurve" "$@"
  echo '```'
  echo
}
cd "$logs"
run 'LOG... --leave-sizes' validate --leave-sizes *
echo "## Twice the nodes"
echo
echo "Fitted on 2 nodes, 4 nodes predicted: the hardest doubling, as two nodes flatter trees and NVLS."
echo
run 'h100_2node.txt h100_4node.txt    (issue 309, qoofyk)' validate h100_ib400_2node_16rank_issue309_qoofyk.txt h100_ib400_4node_32rank_issue309_qoofyk.txt
run 'h100_2node.txt h100_4node.txt    (issue 309, gj-aion)' validate h100_ib400_2node_16rank_issue309_gjaion.txt h100_ib400_4node_32rank_issue309_gjaion.txt
run 'dgxa100_2node.txt dgxa100_4node.txt' validate dgxa100_ib_2node_16rank_deepops.txt dgxa100_4node_32rank_deepops.txt
