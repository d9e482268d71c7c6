#!/bin/sh
# The experiments of configs/ reach what they promise, and every plugin's example runs.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

# reaches NAME LEAST: a carried experiment and its least accuracy on held-out data.
reaches() {
  runs "$1"
  accuracy=$(last_eval "$1/metrics.jsonl" accuracy)
  holds "${accuracy:-0} >= $2" "accuracy of $1"
}

# falls NAME MOST: the same of one without accuracy, and its largest loss.
falls() {
  runs "$1"
  loss=$(last_eval "$1/metrics.jsonl" loss)
  holds "${loss:-1e9} <= $2" "loss of $1"
}

runs() {
  lamina train "$source/configs/$1.yaml" --run-dir "$1" --quiet
  wants 0 "model: $1/model.safetensors"
  for file in experiment.yaml run.json metrics.jsonl checkpoint.safetensors; do
    [ -s "$1/$file" ] || fail "$1 has no $file"
  done
}
reaches digits 0.97
reaches iris 0.9
reaches moons 0.99
falls digits-autoencoder 0.04
falls digits-vae 25
reaches tones 0.97

# The frequency of a tone: in kHz, so this is an error of 32 Hz in the mean.
lamina train "$source/configs/tones-frequency.yaml" --run-dir tones-frequency --quiet
wants 0
holds "$(last_eval tones-frequency/metrics.jsonl mse) <= 0.001" "error of tones-frequency"

# The data that the project does not carry: who misses it is told which, where and whence.
for file in configs/mnist-mlp.yaml plugins/datasets/idx/idx.yaml; do
  (
    unset LAMINA_DATA
    lamina train "$source/$file" --run-dir missing
    wants 66 "$file:" "LAMINA_DATA is not set" "mnist/" "yann.lecun.com/exdb/mnist"
    LAMINA_DATA=$work/nowhere
    export LAMINA_DATA
    lamina train "$source/$file" --run-dir missing
    wants 66 "$file:" "$work/nowhere/mnist/train-images-idx3-ubyte.gz: there is no such file" \
      "where to get it" "yann.lecun.com/exdb/mnist"
    exit "$failures"
  ) || failures=$((failures + 1))
  [ ! -e missing ] || fail "a run that could not begin left a run folder"
done

if [ -n "${LAMINA_DATA:-}" ]; then
  if [ "${LAMINA_TEST_SANITIZED:-no}" = no ]; then
    reaches mnist-mlp 0.978
    # Twos stand out of the other digits, even after two epochs.
    lamina train "$source/configs/mnist-outliers.yaml" --run-dir outliers --quiet --set train.epochs=2
    wants 0
    lamina outliers outliers/model.safetensors --data "idx:
      {images: $LAMINA_DATA/mnist/t10k-images-idx3-ubyte.gz,
       labels: $LAMINA_DATA/mnist/t10k-labels-idx1-ubyte.gz}"
    wants 0 "normal     5404 records" "of 10000 records"
    holds "$(awk '$1 == 2 { print $NF }' out) >= 0.9" "AUC of the twos"
    lamina train "$source/configs/mnist-vae.yaml" --run-dir mnist-vae --quiet
    wants 0 "model: mnist-vae/model.safetensors"
    holds "$(last_eval mnist-vae/metrics.jsonl loss) <= 107.8" "evidence lower bound of mnist-vae"
    holds "$(last_eval mnist-vae/metrics.jsonl active_units) >= 15" "active units of mnist-vae"
  else
    lamina check "$source/configs/mnist-mlp.yaml"
    wants 0 "60000 training samples, 10000 for evaluation"
  fi
else
  echo "LAMINA_DATA is not set: the experiments on MNIST were not run" >&2
fi

# Examples of plugins: each runs, quickly, and ends with numbers.
examples=0
for file in "$source"/plugins/*/*/*.yaml; do
  [ -f "$file" ] || continue
  if [ -z "${LAMINA_DATA:-}" ] && grep -q LAMINA_DATA "$file"; then
    continue
  fi
  name=$(basename "$file" .yaml)
  if ! has_plugin "$name"; then
    echo "the plugin $name was not built: its library is not there" >&2
    continue
  fi
  rm -rf example
  began=$(date +%s)
  lamina train "$file" --run-dir example --quiet
  wants 0 "model: example/model.safetensors"
  took=$(($(date +%s) - began))
  if [ "${LAMINA_TEST_SANITIZED:-no}" = no ] && [ "$took" -gt 10 ]; then
    fail "the example of $name took $took s"
  fi
  grep -q "\"$(basename "$(dirname "$(dirname "$file")")" s)_$name " example/run.json ||
    grep -q -E "(^|[^a-z_])$name([^a-z_]|\$)" "$file" || fail "the example of $name has no $name"
  lamina check example/experiment.yaml
  wants 0 good
  examples=$((examples + 1))
done
[ "$examples" -ge 25 ] || fail "only $examples examples of plugins were found"

# A metric keeps its name as a key when the loss is of the same plugin.
lamina train "$source/plugins/metrics/mse/mse.yaml" --run-dir mse --quiet --set train.epochs=1
wants 0
[ -n "$(last_eval mse/metrics.jsonl mse)" ] || fail "metrics.jsonl has no mse"

finish
