#!/bin/sh
# lamina bench says what it promises, and the rows of a profile add up to the whole time, to the
# same model as without a profile.
set -u
program=$LAMINA_TEST_PROGRAM
config=$LAMINA_TEST_SOURCE/configs/moons.yaml
LAMINA_PLUGIN_PATH=$LAMINA_TEST_PLUGINS
export LAMINA_PLUGIN_PATH
failures=0

fail() {
  echo "$*" >&2
  failures=$((failures + 1))
}

# field KEY: the number behind "KEY": in standard input, an object on one line.
field() {
  sed -n "s/.*\"$1\": \\([-+0-9.e]*\\).*/\\1/p"
}

cd "$TMPDIR" || exit 99

line=$("$program" bench "$config" --threads 1 --seconds 0.02) || fail "bench failed"
echo "$line" | grep -q "samples/s.*steps/s.*first step after.*MB, 1 thread, " ||
  fail "bench printed: $line"

object=$("$program" bench "$config" --json --threads 2 --seconds 0.02) || fail "bench --json failed"
for key in batch steps steps_per_s samples_per_s slowest fastest first_step_s peak_mb threads; do
  echo "$object" | field "$key" | awk '{ exit !($1 > 0) }' || fail "no $key above 0 in: $object"
done
echo "$object" | field samples_per_s | awk -v low="$(echo "$object" | field slowest)" \
  -v high="$(echo "$object" | field fastest)" '{ exit !(low <= $1 && $1 <= high) }' ||
  fail "the median is not between slowest and fastest: $object"
[ "$(echo "$object" | field threads)" = 2 ] || fail "expected 2 threads: $object"
[ ! -e runs ] || fail "bench left a run folder"

"$program" bench "$config" --seconds 0 2> err
[ $? -eq 64 ] && grep -q "seconds is '0'" err || fail "--seconds 0: $(cat err)"

"$program" train "$config" --set train.epochs=3 --quiet --run-dir plain > out ||
  fail "train failed"
"$program" train "$config" --set train.epochs=3 --quiet --run-dir profiled --profile \
  > out 2> table || fail "train --profile failed"
cmp plain/model.safetensors profiled/model.safetensors || fail "a profile changes the model"
[ ! -e plain/profile.json ] || fail "there is a profile that nobody asked for"

# Every number of profile.json but the three at its head is a part of the whole.
tr '{},' '\n\n\n' < profiled/profile.json | awk -F': ' '
  /"seconds"/ { whole = $2 }
  /"steps"/ { steps = $2 }
  /"(forward|backward|data|update|order|evaluation|files|profiling|unexplained)"/ {
    sum += $2; rows++
    if ($2 < 0) { print "below zero: " $0; bad = 1 }
  }
  END {
    if (rows != 2 * 7 + 7) { print rows " rows, expected 21"; bad = 1 }
    if (steps != 3 * 32) { print steps " steps, expected 96"; bad = 1 }
    if (whole <= 0 || sum < whole * 0.99999 || sum > whole * 1.00001) {
      print "the rows add up to " sum " s of " whole " s"; bad = 1
    }
    exit bad
  }' || fail "profile.json: $(cat profiled/profile.json)"

awk '$NF == "%" { begun = 1; next }
  begun && $1 == "all" { all = $NF }
  begun && $1 != "all" { sum += $NF }
  END { exit !(all == 100 && sum > 99.5 && sum < 100.5) }' table ||
  fail "the table does not add up: $(cat table)"

# The work of the rows of `make bench` is that of the networks: as many weights as lamina summary
# counts, less the biases and what normalizations have.
bench=$LAMINA_TEST_SOURCE/bench
weights() { # WORKLOAD OTHERS EXPERIMENT
  LAMINA_DATA=${LAMINA_DATA:-$TMPDIR} "$program" summary "$3" 2>err |
    awk -v others="$2" '/ parameters, / { print $1 - others }' >told
  [ "$(python3 -B -c "import sys; sys.path.insert(0, '$bench'); import workloads
print(sum(layer.weights for layer in workloads.LAYERS['$1']))")" = "$(cat told)" ] ||
    fail "$1 has $(cat told) weights: $(cat err)"
}
if command -v python3 >/dev/null; then
  weights w6 33 "$bench/w6.yaml"
  if [ -n "${LAMINA_DATA:-}" ]; then
    weights w1 778 "$bench/w1.yaml"
    weights w2 580 "$LAMINA_TEST_SOURCE/configs/mnist-lenet.yaml"
    weights w3 2058 "$LAMINA_TEST_SOURCE/configs/cifar-vgg.yaml"
    weights w5 1578 "$LAMINA_TEST_SOURCE/configs/cifar-resnet20.yaml"
  fi
  for script in "$bench"/*.py; do
    python3 -B -c "compile(open('$script').read(), '$script', 'exec')" || fail "$script"
  done
  python3 -B "$bench/run.py" --help >out && grep -q -e --quick out || fail "run.py: $(cat out)"
fi

exit $((failures > 0))
