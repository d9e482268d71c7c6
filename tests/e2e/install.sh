#!/bin/sh
# What `make install` leaves works by itself, wherever it is moved to: the program finds the
# plugins beside it, and a plugin can be built from the installed headers alone.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

unset MAKEFLAGS MFLAGS MAKELEVEL LAMINA_PLUGIN_PATH
make -C "$build" install DESTDIR="$work/first" >log 2>&1 || {
  tail -n 30 log >&2
  fail "make install"
  finish
}

# use FOLDER: the program installed below it.
use() {
  program=$(find "$work/$1" -type f -path '*/bin/lamina')
  plugins=$(dirname "$(find "$work/$1" -name layer_dense.so)")
  headers=$(dirname "$(dirname "$(find "$work/$1" -name layer.h)")")
  configs=$(dirname "$(find "$work/$1" -name iris.yaml)")
}

use first
for file in "$program" "$plugins/loss_cross_entropy.so" "$headers/lamina/plugin.h" \
  "$configs/digits.yaml" "$configs/../data/iris.csv"; do
  [ -f "$file" ] || fail "$file is not installed"
done
for page in lamina.1 lamina-experiment.5 lamina-plugins.7; do
  [ -n "$(find first -path "*/man/*/$page")" ] || fail "$page is not installed"
done
for file in lamina.pc lamina.m4 liblamina.pc liblamina.so lamina.h; do
  [ -n "$(find first -name "$file")" ] || fail "$file is not installed"
done
[ -z "$(find first -name '*.la')" ] || fail "a .la file is installed"
[ -z "$(find first -name 'test_*' -o -name 'layer_sin*')" ] || fail "a test is installed"

# trained FOLDER: trains with the program of that folder, and with its plugins.
trained() {
  use "$1"
  mkdir -p elsewhere
  (
    cd elsewhere || exit 99
    lamina train "$configs/iris.yaml" --run-dir "$1" --quiet
    wants 0 "model: $1/model.safetensors"
    lamina inspect layer dense
    wants 0 "$plugins/layer_dense.so"
    lamina list
    wants 0 "$plugins/"
    ! sed 1d out | grep -v -F "$plugins/" | grep -v 'not used' | grep -q . ||
      fail "a plugin of another place is used"
    exit "$failures"
  ) || failures=$((failures + 1))
}
# embedded FOLDER: a program that uses the library of that folder.
embedded() {
  use "$1"
  ran="the example of the library in $1"
  PKG_CONFIG_SYSROOT_DIR=$work/$1 sh "$source/examples/embed/check.sh" "$source" "$program" \
    "$(dirname "$(find "$work/$1" -name liblamina.so)")" >out 2>err
  status=$?
  wants 0 "20 digits"
}
trained first
embedded first
mv first second
trained second
embedded second

# The commands of README.md.
use second
libraries=$(dirname "$(find second -name liblamina.so)")
mkdir -p tree/data tree/examples tree/runs
cp "$source/data/digits.csv.gz" tree/data
cp -r "$source/examples/embed" tree/examples/
lamina train "$source/configs/digits.yaml" --run-dir tree/runs/digits --quiet
flags='-O2'
[ "$LAMINA_TEST_SANITIZED" = no ] || flags='-fsanitize=address,undefined'
sed -n '/^cd examples\/embed$/,/^```$/p' "$source/README.md" | sed '$d' >commands.sh
ran="README's embedding"
(
  cd tree
  CFLAGS=$flags CC=${LAMINA_TEST_CC:-cc} MAKEFLAGS=-e PKG_CONFIG_SYSROOT_DIR=$work/second \
    PKG_CONFIG_PATH=$work/$libraries/pkgconfig LD_LIBRARY_PATH=$work/$libraries sh -e ../commands.sh
) >out 2>err
status=$?
wants 0
[ "$(tail -n 1 out)" = 0 ] || fail "the first digit is a 0"
for run in first second; do
  sed 's/, "seconds".*//' "elsewhere/$run/metrics.jsonl" >"$run.numbers"
done
same first.numbers second.numbers

# A stranger's plugin, from the installed headers.
mkdir mine
if ${LAMINA_TEST_CC:-cc} -std=c11 -O2 -shared -fPIC -I"$headers" \
  "$source/tests/plugins/square.c" -o mine/layer_square.so; then
  moons small.yaml "epochs: 2"
  lamina train small.yaml --run-dir square --quiet --plugin-path mine --set 'model[1]=square'
  wants 0 "model: square/model.safetensors"
  lamina inspect layer square --plugin-path mine
  wants 0 "$work/mine/layer_square.so"
else
  fail "a plugin cannot be built from the installed headers"
fi

# A stranger's project, with the prefix where it was moved to. The other kinds, and the examples,
# are built by `make installcheck`.
if command -v autoreconf >/dev/null && command -v pkg-config >/dev/null; then
  mkdir stranger
  (cd stranger && lamina new layer blur && wants 0 && exit "$failures") ||
    failures=$((failures + 1))
  ran="the project of a layer"
  PATH=$(dirname "$program"):$PATH \
    PKG_CONFIG_PATH=$(dirname "$(find "$work/second" -name lamina.pc)") \
    sh "$source/tests/installed/project.sh" "$work/stranger/blur" layer blur >out 2>err
  status=$?
  wants 0 "layer 'blur' is built, tested and trained"
else
  echo "autoconf or pkg-config is not there: no project was built" >&2
fi

mv second first
make -C "$build" uninstall DESTDIR="$work/first" >log 2>&1 || fail "make uninstall"
[ -z "$(find first -type f)" ] || fail "make uninstall leaves $(find first -type f | head -n 3)"

finish
