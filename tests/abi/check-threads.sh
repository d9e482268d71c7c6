#!/bin/sh
# Eight threads load the same plugins and train different experiments, each with a runtime of its
# own. In a build with ThreadSanitizer (make check-threads) every race is told and fails the test.
set -u
source=${LAMINA_TEST_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${LAMINA_TEST_BUILD:-$(pwd)}
plugins=${LAMINA_TEST_PLUGINS:-$build/plugins/.libs}
set --
for experiment in "$source"/plugins/*/*/*.yaml; do
  case $experiment in
    */gemm_* | */conv_onednn.yaml) ;; # libraries that are not ours have threads of their own
    */image_folder.yaml) # needs libraries that configure may be told to leave out
      [ ! -e "$plugins/dataset_image_folder.so" ] || set -- "$@" "$experiment"
      ;;
    *) grep -q LAMINA_DATA "$experiment" || set -- "$@" "$experiment" ;;
  esac
done
TSAN_OPTIONS="halt_on_error=0:exitcode=66:second_deadlock_stack=1${TSAN_OPTIONS:+:$TSAN_OPTIONS}"
export TSAN_OPTIONS
"$build/tests/abi/many" 8 2 "$plugins" "$@" || exit 1

# Models in other programs.
folder=$(mktemp -d "${TMPDIR:-/tmp}/lamina-threads-XXXXXX") || exit 99
trap 'rm -rf "$folder"' EXIT
LAMINA_PLUGIN_PATH=$plugins
export LAMINA_PLUGIN_PATH
for name in iris moons; do
  "$build/lamina" train "$source/configs/$name.yaml" --set train.epochs=1 --quiet \
    --run-dir "$folder/$name" >"$folder/out" || exit 1
done
"$build/tests/abi/embedded" 6 3 "$folder/iris/model.safetensors" "$folder/moons/model.safetensors"
