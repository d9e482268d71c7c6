#!/bin/sh
# lamina schema: what an editor makes of it. Every experiment of the project is valid, mistakes are
# seen, and a plugin that is put on the search path is in it with no other change.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

python=
for name in python3 /usr/bin/python3; do
  if "$name" -c 'import jsonschema, yaml' 2>/dev/null; then
    python=$name
    break
  fi
done
PYTHONDONTWRITEBYTECODE=1
PYTHONWARNINGS=ignore
export PYTHONDONTWRITEBYTECODE PYTHONWARNINGS

# schema FILE OPTIONS...: writes the schema of the plugins that are found with these options.
schema() {
  file=$1
  shift
  lamina schema "$@"
  wants 0
  cp out "$file"
}

# judge SCHEMA WHAT FILES...
judge() {
  ran="schema.py $*"
  [ -z "$python" ] || "$python" "$source/tests/e2e/schema.py" "$@" >out 2>err || fail "schema.py $2"
}

schema shipped.json
[ ! -s err ] || fail "a schema of the project's plugins needs no warning"
wants 0 '"layer_dense"' '"outputs per row' '"exclusiveMinimum": 0' '"early_stopping"'
set --
for experiment in "$source"/configs/*.yaml "$source"/bench/*.yaml "$source"/plugins/*/*/*.yaml \
  "$source/tests/e2e/mistakes.yaml"; do
  plugin=$(basename "$experiment" .yaml)
  case $experiment in
    */plugins/*) has_plugin "$plugin" || continue ;;
  esac
  [ ! -f "$experiment" ] || set -- "$@" "$experiment"
done
[ "$#" -ge 30 ] || fail "only $# experiments were found"
judge shipped.json accept "$@"
judge shipped.json mistakes "$source/tests/e2e/mistakes.yaml" "$source/tests/e2e/mistakes.txt"

# What a run writes down, with every default and every path, is an experiment, too.
lamina train "$source/configs/iris.yaml" --run-dir run --quiet --set train.epochs=1 \
  --set 'train.early_stopping={monitor: accuracy}'
wants 0
judge shipped.json accept run/experiment.yaml

# Files that are put together need not say everything each; lists are one file's own.
cat >part.yaml <<'END'
include: whole.yaml
data: {train: {csv: {limit: 10}}}
optimizer: {sgd: {momentum: 0.5}}
END
cat >list.yaml <<'END'
include: whole.yaml
model: [{dense: {}}]
END
cat >references.yaml <<'END'
vars: {units: 3, data: {moons: {}}, model: [dense: {units: 1}], yes: true}
data: {train: "${data}", holdout: "${env:HOLDOUT:-0.5}"}
model: "${model}"
loss: bce
optimizer: {sgd: {rate: "1/${units}", nesterov: "${yes}"}}
train: {epochs: "${units}", early_stopping:}
END
cat >whole.yaml <<'END'
data: {train: {csv: {file: x.csv}}, test: null, transforms: {scale: {by: 1/255}}}
model: [dense: {units: 3, bias:  false}, relu:, softmax]
loss: [{cross_entropy: {}, weight: 1/2, name: a}]
optimizer: {sgd: {rate: 1e-3}}
freeze: [dense/*]
END
sed 's/^model: \(.*\)/model: {front: \1, back: [relu, {dense: {units: 3}, name: "${b}"}], rest: "${r}"}/' \
  whole.yaml >parts.yaml
judge shipped.json accept part.yaml whole.yaml references.yaml parts.yaml
sed '/include/d' part.yaml >alone.yaml
sed 's/units: 3/units: /' whole.yaml >null.yaml
sed 's/relu:,/relu: {}, flatten: {},/; s/relu: {}, /{relu: {}, /; s/flatten: {},/flatten: {}},/' \
  whole.yaml >two.yaml
sed 's/freeze: .*/regularizers: l2/' whole.yaml >name.yaml
sed 's/^model: .*/model: {}/' whole.yaml >none.yaml
sed 's/^model: .*/model: {front: []}/' whole.yaml >empty.yaml
sed 's/^model: .*/model: {front: [dense]}/' whole.yaml >needs.yaml
sed 's/^model: .*/model: {dense: {units: 3}}/' whole.yaml >node.yaml
judge shipped.json reject list.yaml alone.yaml null.yaml two.yaml name.yaml none.yaml empty.yaml \
  needs.yaml node.yaml

# A stranger's plugin: its keys appear, and the example of it is valid.
mkdir mine
${LAMINA_TEST_CC:-cc} -std=gnu11 -O2 -shared -fPIC -fvisibility=hidden \
  -I"$source/framework/include" -o mine/layer_leaky_relu.so \
  "$source/examples/leaky_relu/leaky_relu.c" -lm || fail "the example builds"
judge shipped.json reject "$source/examples/leaky_relu/moons.yaml"
schema mine.json --plugin-path mine
wants 0 '"layer_leaky_relu"' '"factor of negative inputs"'
judge mine.json accept "$source/examples/leaky_relu/moons.yaml"

# Plugins that cannot be used are named and left out; the others are there.
LAMINA_LOAD_SECONDS=1
ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}handle_segv=0:handle_abort=0"
export LAMINA_LOAD_SECONDS ASAN_OPTIONS
for name in crash abort hang exit newer no_doc; do
  cp "$fixtures/layer_$name.so" mine
done
printf 'text\n' >mine/layer_text.so
schema mine.json --plugin-path mine
for words in "crashed with signal 11" "crashed with signal 6" "does not come back" \
  "ended the process with status 0" "needs Lamina ABI 1.3" "has no documentation" "layer 'text'"; do
  wants 0 "warning: left out: " "$words"
done
judge mine.json accept "$source/examples/leaky_relu/moons.yaml" "$source/configs/digits.yaml"

[ -n "$python" ] || {
  echo "python3 with jsonschema and yaml is not there: the schema was only written" >&2
  [ "$failures" -ne 0 ] || exit 77
}
finish
