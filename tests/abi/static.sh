#!/bin/sh
# make check-static runs this with a program into which the plugins are linked: it has all of them,
# needs no file of them, and trains every example to the bits of the program that loads them, so
# functions and tables of the same name in two plugins do not meet.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

folder=$(dirname "$program")
[ -z "$(find "$folder/plugins" -name '*.so')" ] || fail "there are no shared objects beside it"
lamina list
wants 0 "built-in:/layer_dense.so" "built-in:/service_gemm.so"
[ "$(grep -c 'built-in:/' out)" -ge 30 ] || fail "all plugins are in the program"
lamina inspect layer dense
wants 0 "layer 'dense' 1.0.0" "built-in:/layer_dense.so"
lamina inspect layer dens
wants 66 "there is no layer 'dens'" "did you mean 'dense'?"
lamina inspect --all
wants 0 "layer 'dense': loads (built-in:/layer_dense.so)"

# A file comes before what is built in, and brings its own code.
lamina inspect layer dense --plugin-path "$LAMINA_TEST_PLUGINS"
wants 0 "$LAMINA_TEST_PLUGINS/layer_dense.so"

linked=$program
compared=0
for experiment in "$source"/plugins/*/*/*.yaml "$source/configs/iris.yaml"; do
  case $experiment in
    */gemm_* | */conv_onednn.yaml) continue ;; # not linked in: their libraries have names in common
    */image_folder.yaml) continue ;; # nor what libraries of pictures need
    *) ! grep -q LAMINA_DATA "$experiment" || continue ;;
  esac
  for program in "$linked" "$build/lamina"; do
    rm -rf run
    lamina train "$experiment" --run-dir run --quiet --set train.steps=20
    wants 0
    sed 's/, "seconds".*//' run/metrics.jsonl >"$(basename "$(dirname "$program")").numbers"
    mv run/model.safetensors "$(basename "$(dirname "$program")").model"
  done
  same static.numbers "$(basename "$build").numbers"
  compared=$((compared + 1))
done
[ "$compared" -ge 28 ] || fail "only $compared experiments were compared"

finish
