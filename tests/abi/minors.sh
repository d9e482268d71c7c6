#!/bin/sh
# Plugins and runtimes of different minor versions. The museum has plugins of each released minor
# version, with its headers: they train in this runtime, and in one that is three minor versions
# later, in which every struct that can grow has grown, to the bits they trained to then. Plugins
# that are built with the later headers train in this runtime unless they ask for a later one.
#
# LAMINA_TEST_WRITE=yes writes what a new museum gives to its expected.txt, once, to be frozen.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"
include=$source/framework/include
. "$source/tests/abi/abi.sh"
trap 'rm -rf "$work" "$folder"' EXIT

this=$program
version=$(abi_version)
abi_later "$work/later" 3 || fail "the later headers can be written"
later_version=$(include=$work/later abi_version)
later=$work/lamina-later
abi_runtime "$later" "$work/later" 2>log || {
  tail -n 20 log >&2
  fail "the later runtime builds"
  finish
}
program=$later
lamina --version
wants 0 "plugin ABI $later_version"

# plugins MUSEUM HEADERS FOLDER FLAGS...: builds the plugins of a museum.
plugins() {
  mkdir -p "$3" || exit 99
  museum=$1 headers=$2 into=$3
  shift 3
  for file in "$museum"/plugins/*.c; do
    $cc -std=gnu11 -O2 -ffp-contract=off -shared -fPIC -fvisibility=hidden -I"$headers" "$@" \
      -o "$into/$(basename "$file" .c).so" "$file" -lm 2>log || {
      cat log >&2
      fail "$file builds with $headers"
    }
  done
}

# trains PROGRAM FOLDER MUSEUM: the museum's training ends as it did when it was written.
trains() {
  program=$1
  rm -rf run
  lamina train "$3/museum.yaml" --plugin-path "$2" --run-dir run --quiet
  wants 0 "a museum piece" "model: run/model.safetensors"
  sed 's/, "seconds".*//' run/metrics.jsonl >result
  lamina predict run/model.safetensors --plugin-path "$2" \
    --input "points: {file: $3/digits.txt}"
  cat out >>result
  if [ "${LAMINA_TEST_WRITE:-no}" = yes ] && [ ! -e "$3/expected.txt" ]; then
    cp result "$3/expected.txt"
  fi
  same "$3/expected.txt" result
}

museums=0
for museum in "$source"/tests/abi/museum/*/; do
  museum=${museum%/}
  name=$(basename "$museum")
  plugins "$museum" "$museum/include" "$name"
  trains "$this" "$name" "$museum"
  trains "$later" "$name" "$museum"
  plugins "$museum" "$work/later" "$name-later"
  trains "$this" "$name-later" "$museum"
  trains "$later" "$name-later" "$museum"
  lamina inspect layer affine --plugin-path "$name"
  wants 0 "built with $name, needs 1.0"
  lamina inspect layer affine --plugin-path "$name-later"
  wants 0 "built with $later_version, needs 1.0"
  museums=$((museums + 1))
done
[ -f "$source/tests/abi/museum/$version/expected.txt" ] || fail "ABI $version has a museum"

# The plugins of this tree, which were built with the headers of today.
for program in "$this" "$later"; do
  lamina train "$source/configs/iris.yaml" --plugin-path "$LAMINA_TEST_PLUGINS" --quiet \
    --run-dir "iris-$(basename "$program")"
  wants 0
done
for run in lamina lamina-later; do
  sed 's/, "seconds".*//' "iris-$run/metrics.jsonl" >"$run.numbers"
done
same lamina.numbers lamina-later.numbers

# A plugin that asks for a later minor version: refused by this one before any of its code runs.
moons small.yaml "epochs: 1"
mkdir asking
$cc -std=gnu11 -O2 -shared -fPIC -fvisibility=hidden -I"$work/later" -DFIXTURE=asking \
  -DLAMINA_TARGET_MINOR="${later_version#*.}" -DCONSTRUCTOR='spring_trap()' \
  -o asking/layer_asking.so "$source/tests/plugins/constructor.c" || fail "a plugin builds"
LAMINA_TEST_TRAP=$work/sprung
export LAMINA_TEST_TRAP
program=$this
for command in "train small.yaml --run-dir run" "check small.yaml"; do
  lamina $command --plugin-path asking --set 'model[1]=asking'
  wants 65 "refused layer 'asking' from $work/asking/layer_asking.so: it needs Lamina ABI \
$later_version, this runtime has $version; rebuild it with LAMINA_TARGET_MINOR=${version#*.} or \
upgrade Lamina"
done
lamina inspect layer asking --plugin-path asking
wants 65 "needs Lamina ABI $later_version"
[ ! -e sprung ] || fail "code of a refused plugin has run"
program=$later
lamina inspect layer asking --plugin-path asking
wants 0 "built with $later_version, needs $later_version"
[ -e sprung ] || fail "the trap springs when the plugin is loaded"

# A museum piece refuses what it refused, in its own words.
museum=$source/tests/abi/museum/1.0
for program in "$this" "$later"; do
  lamina check "$museum/museum.yaml" --plugin-path 1.0 --set 'model[0].affine.units=1'
  wants 65 "node 'first' (layer 'affine' 1.0.0): 2 offsets for 1 units"
done

finish
