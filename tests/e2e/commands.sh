#!/bin/sh
# The commands that do not train: facts of what they print, not whole texts.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

digits=$source/configs/digits.yaml

lamina --help
wants 0 "Usage: lamina COMMAND" "Exit codes: 0 done, 64 usage, 65 bad input, 66 missing input"
for command in train sweep eval predict sample latents outliers probe check summary plan list inspect schema conform new; do
  wants 0 "$command"
done
lamina summary --help
wants 0 "Usage: lamina summary FILE" "--dot"
lacks "--run-dir"
lamina summary "$digits" --run-dir x
wants 64 "lamina summary has no option --run-dir, which is for: train"
lamina --version
wants 0 "lamina 0." "plugin ABI 1."
[ "$(wc -l <out)" -eq 1 ] || fail "a version is one line"
lamina
wants 64 "a command is missing"

lamina check "$digits"
wants 0 "digits.yaml: good: 8 nodes, 17226 trained parameters, 1438 training samples, 359 for"
[ ! -e runs ] || fail "check leaves no run folder"

# Every number of the summary has its formula; shapes are known before any data is read.
lamina summary "$digits"
wants 0 "8320 = 64 * 128 + 128" "8256 = 128 * 64 + 64" "650 = 64 * 10 + 10" "[N, 10] float32" \
  "17226 parameters, 17226 trained" "optimizer adam, rate 0.002"
# The graph for Graphviz: a line for each node and each edge.
lamina summary "$digits" --dot
wants 0 'digraph experiment {' 's0 -> n0;' 'label="logits\ndense\n[N, 10] float32"'
[ "$(grep -c -e '->' out)" -eq 10 ] || fail "digits.yaml has ten edges"
lamina summary "$digits" --set 'model[0].freeze=true'
wants 0 "17226 parameters, 8906 trained" "(frozen)"
lamina summary "$digits" --set 'optimizer={adamw: {rate: 0.01, weight_decay: 0.1}}'
wants 0 "decay multiplies weights that decay by 0.99"

lamina plan "$digits"
wants 0 "relu             writes its output over 'dense': yes" "backward runs through:" \
  "liveness bound" "arena "
lamina plan "$digits" --set 'model[1]={relu: {}, in_place: false}'
wants 0 "relu             writes its output over 'dense': no, "
lamina plan "$digits" --set 'model[0].freeze=true' --set 'model[1]={relu: {}, name: first}'
wants 0
grep '^backward runs through:' out | grep -q ' dense2' || fail "backward reaches dense2"
! grep '^backward runs through:' out | grep -q ' first' || fail "backward ends before frozen ones"

# The bytes of a deep net's arena are printed beside the bound that no arrangement can beat.
{
  echo "include: $digits"
  echo 'model:'
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
    printf -- '- {dense: {units: 64}}\n- relu\n- {dense: {units: 24}}\n- {dropout: {rate: 0.2}}\n'
  done
  echo '- {dense: {units: 10}, name: logits}'
} >deep.yaml
lamina plan deep.yaml
wants 0
arena=$(sed -n 's/^arena .*(\([0-9]*\) bytes); liveness bound .*/\1/p' out)
bound=$(sed -n 's/^arena .*; liveness bound .*(\([0-9]*\) bytes);.*/\1/p' out)
holds "${bound:-0} > 0 && ${arena:-0} >= $bound && $arena <= 1.05 * $bound" "a deep net's arena"

# lamina list opens no plugin: nothing of their folder is mapped.
lamina list
wants 0 "KIND" "dense" "cross_entropy" "adam" "gemm" "standardize"
lines=$(wc -l <out)
lamina list layer
wants 0 dense relu
lacks cross_entropy adam
lamina list lyer
wants 64 "there is no kind 'lyer'" "did you mean 'layer'?"
lamina list --json
wants 0 '"kind": "layer", "name": "dense"'
[ "$(grep -c '"loadable": true' out)" -eq $((lines - 1)) ] || fail "all of them can be loaded"
lamina list
if grep -q 'built-in:' out; then
  echo "the plugins are linked into the program: there are no files to be mapped" >&2
elif command -v strace >/dev/null 2>&1 && ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" \
  strace -f -o trace "$program" list >out 2>err; then
  status=0 ran="strace lamina list"
  awk '/openat\(.*plugins\/.*\.so"/ { file = $NF; opened[file] = 1; seen++ }
    /close\(/ { match($0, /close\([0-9]+/); opened[substr($0, RSTART + 6, RLENGTH - 6)] = 0 }
    /mmap\(.*PROT_EXEC/ { split($0, part, ","); gsub(/ /, "", part[5]); if (opened[part[5]]) bad++ }
    END { exit !(seen > 20 && bad == 0) }' trace ||
    fail "list reads the plugins and maps none of them to be run"
else
  echo "strace cannot be used here: not checked that list loads nothing" >&2
fi

lamina inspect layer dense
wants 0 "layer 'dense'" "units" "(required)" "whether b is added" "layer_dense.so"
lamina inspect layer dense --json
wants 0 '"units"' '"type": ["integer", "string"]'
lamina inspect layer dens
wants 66 "there is no layer 'dens'" "did you mean 'dense'?"
lamina inspect layer
wants 64 "a kind and a name"
lamina inspect --all
wants 0 "layer 'dense': loads (" "service 'gemm': loads ("

# What inspect --yaml prints can be pasted into an experiment and runs.
lamina inspect layer dense --yaml
wants 0 "dense:" "bias: true"
{
  printf 'data:\n  train: {moons: {samples: 64}}\nmodel:\n'
  sed -n '/^dense:/,$p' out | sed '1s/^/  - /; 2,$s/^/    /'
  printf 'loss: bce\noptimizer:\n'
  lamina inspect optimizer sgd --yaml
  sed -n '/^sgd:/,$p' out | sed 's/^/  /'
  printf 'train: {epochs: 1}\n'
} >pasted.yaml
lamina train pasted.yaml --run-dir pasted --quiet
wants 0 "model: pasted/model.safetensors"

# Relative plugin folders count from here, as every path on a command line.
ln -s "$fixtures" fixtures
lamina inspect layer sin --plugin-path fixtures
wants 0 "sine of each element"
LAMINA_PLUGIN_PATH=:nowhere::fixtures: lamina inspect layer sin
wants 0 "sine of each element"
lamina inspect layer sin
wants 66 "there is no layer 'sin'"

finish
