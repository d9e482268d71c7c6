#!/bin/sh
# Networks of images as a user meets them: sizes and numbers of weights with their formulas,
# refusals that name both nodes, and the same bits fused or not and at any number of threads.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

# blank FILE PIXELS: a table of four records with so many inputs each, and two classes.
blank() {
  awk -v pixels="$2" 'BEGIN {
    for (r = 0; r < 4; r++) {
      for (i = 0; i < pixels; i++) {
        printf "%d,", (i * 7 + r) % 5
      }
      print r % 2
    }
  }' >"$1"
}

# images FILE SHAPE NODES: an experiment on that table.
images() {
  cat <<END
data:
  train: {csv: {file: $1, target: last, classes: 2, header: absent, input_shape: $2}}
  holdout: 0.5
model:
$3
loss: cross_entropy
optimizer: {sgd: {rate: 0.1}}
train: {epochs: 1, batch: 2, seed: 1}
END
}

tail='  - flatten
  - dense: {units: 2}'

# Output sizes: floor((n + 2p - d(k - 1) - 1) / s) + 1, for 7, 3, 2 and for 224, 11, 4.
blank seven.csv 49
images seven.csv '[7, 7, 1]' "  - conv2d: {filters: 1, stride: 2}
$tail" >seven.yaml
lamina summary seven.yaml
wants 0 "[N, 3, 3, 1] float32" "floor((7 + 0 - 3) / 2) + 1 = 3"
blank wide.csv 2464
images wide.csv '[224, 11, 1]' "  - conv2d: {filters: 1, kernel: 11, stride: 4}
$tail" >wide.yaml
lamina summary wide.yaml
wants 0 "[N, 54, 1, 1] float32" "floor((224 + 0 - 11) / 4) + 1 = 54"

# Weights: 28 x 28 and six windows of 5 x 5 are 156, and 2,712,960 in a dense layer; without
# biases, 150 and 2,709,504. Shared weights count once.
blank large.csv 784
images large.csv '[28, 28, 1]' "  - conv2d: {filters: 6, kernel: 5}
$tail" >large.yaml
lamina summary large.yaml
wants 0 "156 = (5 * 5 * 1 + 1) * 6; a dense layer: (784 + 1) * 3456 = 2712960"
lamina summary large.yaml --set 'model[0].conv2d.bias=false'
wants 0 "150 = (5 * 5 * 1) * 6; a dense layer: (784) * 3456 = 2709504"
images large.csv '[28, 28, 1]' "  - conv2d: {filters: 1, padding: 1}
    name: first
  - conv2d: {filters: 1, padding: 1}
    share: first
  - max_pool2d: {kernel: 28}
$tail" >shared.yaml
lamina summary shared.yaml
wants 0 "14 parameters, 14 trained"

# A mismatch names the node and the one before it.
lamina check large.yaml --set 'model[0].conv2d.kernel=29'
wants 65 "node 'conv2d'" "a height of 28, padded to 28, is too small" "kernel 29" "'input'"
images large.csv '[28, 28, 1]' "  - max_pool2d: {kernel: 14, stride: 14}
    name: small
  - conv2d: {filters: 4, groups: 3}
    name: odd
$tail" >odd.yaml
lamina check odd.yaml
wants 65 "node 'odd'" "too small" "the output of 'small' [N, 2, 2, 1]" "odd.yaml:5:" "odd.yaml:7:"
lamina check odd.yaml --set 'model[1].conv2d.kernel=2'
wants 65 "1 channels and 4 filters do not divide into 3 groups" "the output of 'small'"
lamina check odd.yaml --set 'model[1]={conv_transpose2d: {filters: 2, kernel: 1, padding: 1}}'
wants 65 "the output would have a height of (2 - 1) * 1 - 2 + 1 + 0 = 0" "'small'"
lamina check odd.yaml --set 'model[1]={pad: {padding: 2, border: reflect}}'
wants 65 "a height of 2 has no mirror image of 2 pixels" "'small'"
lamina check large.yaml --set 'model[0].conv2d={filters: 2147483647, kernel: 20000, padding: 20000}'
wants 65 "too many"

# All of the layers that hand pieces over, each between elementwise ones: the same model.
digits="$source/data/digits.csv.gz"
fused='  - dense: {units: 3}
  - tanh
  - pad: {border: edge}
  - tanh
  - conv2d: {filters: 6, groups: 1}
  - relu
  - batch_norm
  - tanh
  - upsample: {mode: bilinear}
  - relu
  - max_pool2d: {kernel: 3, stride: 2, padding: 1}
  - tanh
  - group_norm: {groups: 3}
  - relu
  - conv_transpose2d: {filters: 4, stride: 2}
  - tanh
  - avg_pool2d: {kernel: 3, stride: 2}
  - sigmoid
  - crop: {size: 6}
  - tanh
  - global_avg_pool
  - tanh
  - dense: {units: 10}'
images "$digits" '[8, 8, 1]' "$fused" | sed 's/classes: 2, header: absent/limit: 300/' >fused.yaml
sed 's/^  - \(relu\|tanh\|sigmoid\)$/  - \1:\n    fuse: false/' fused.yaml >apart.yaml
lamina plan fused.yaml
wants 0
for node in pad conv2d batch_norm upsample max_pool2d group_norm conv_transpose2d avg_pool2d crop \
  global_avg_pool; do
  for pass in 'forward ' backward; do
    grep -q " $pass: yes, in the loop of '$node'" out ||
      fail "an elementwise layer runs in the loop of $node, $pass"
  done
done
lamina train fused.yaml --run-dir fused --quiet --threads 1
wants 0
lamina train fused.yaml --run-dir threads --quiet --threads 3
wants 0
lamina train apart.yaml --run-dir apart --quiet --threads 2
wants 0
same fused/model.safetensors threads/model.safetensors
# The experiment is in the model's head, so weights are compared by what they do.
for run in fused apart; do
  lamina predict $run/model.safetensors --json \
    --input "csv: {file: $digits, target: last, input_shape: [8, 8, 1], limit: 50}"
  wants 0
  cp out $run.json
done
same fused.json apart.json

finish
