#!/bin/sh
# With LAMINA_UNLOAD=1 plugins are loaded, used and closed again under valgrind, round after round:
# nothing is leaked and nothing is touched that is gone. A build with sanitizers sees that by itself.
set -u
source=${LAMINA_TEST_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${LAMINA_TEST_BUILD:-$(pwd)}
plugins=${LAMINA_TEST_PLUGINS:-$build/plugins/.libs}
unload=$build/tests/framework/registry/unload
many=$build/tests/abi/many
[ -x "$unload" ] && [ -x "$many" ] || exit 77
folder=$(mktemp -d "${TMPDIR:-/tmp}/lamina-unload-XXXXXX") || exit 99
trap 'rm -rf "$folder"' EXIT
LAMINA_UNLOAD=1
export LAMINA_UNLOAD

# checked COMMAND...: what the command leaves behind fails it.
checked() {
  if [ "${LAMINA_TEST_SANITIZED:-no}" = yes ]; then
    "$@"
    return
  fi
  command -v valgrind >/dev/null 2>&1 || exit 77
  valgrind -q --leak-check=full --show-leak-kinds=definite,indirect,possible \
    --errors-for-leak-kinds=definite,indirect,possible --error-exitcode=9 \
    --log-file="$folder/log" "$@" || {
    cat "$folder/log" >&2
    return 1
  }
}

# Fixtures, good ones and refused ones.
checked "$unload" 2 || exit 1

# All plugins of the project, each used by its example; but for the libraries that are not ours and
# keep what they allocate.
mkdir "$folder/plugins"
set --
for file in "$plugins"/*.so; do
  case $file in
    */service_gemm_* | */service_conv_onednn.so) ;;
    *) cp "$file" "$folder/plugins" ;;
  esac
done
for experiment in "$source"/plugins/*/*/*.yaml; do
  case $experiment in
    */gemm_* | */conv_onednn.yaml) ;;
    */image_folder.yaml) # needs libraries that configure may be told to leave out
      [ ! -e "$plugins/dataset_image_folder.so" ] || set -- "$@" "$experiment"
      ;;
    *) grep -q LAMINA_DATA "$experiment" || set -- "$@" "$experiment" ;;
  esac
done
checked "$many" 1 2 "$folder/plugins" "$@" || exit 1

# Models in other programs.
LAMINA_PLUGIN_PATH=$plugins
export LAMINA_PLUGIN_PATH
"$build/lamina" train "$source/configs/iris.yaml" --set train.epochs=1 --quiet \
  --run-dir "$folder/iris" >"$folder/out" || exit 1
checked "$build/tests/abi/embedded" 2 2 "$folder/iris/model.safetensors"
