#!/bin/sh
# check.sh SOURCE PROGRAM LIBDIR: builds the example with the library that is installed in LIBDIR,
# lets it read digits by a model that PROGRAM has trained, and compares with `lamina predict`.
# PKG_CONFIG_SYSROOT_DIR says where an installation lies that is not at its own place.
set -eu
source=$1 program=$2 libraries=$3
folder=$(mktemp -d "${TMPDIR:-/tmp}/lamina-embed-XXXXXX")
trap 'rm -rf "$folder"' EXIT
cp "$source/examples/embed/digit.c" "$source/examples/embed/Makefile" "$folder"
gunzip -c "$source/data/digits.csv.gz" | head -n 20 | cut -d, -f1-64 >"$folder/digits.csv"
cd "$folder"
unset MAKEFLAGS MFLAGS MAKELEVEL LAMINA_PLUGIN_PATH
flags='-O2 -Wall -Wextra'
[ "${LAMINA_TEST_SANITIZED:-no}" = no ] || flags='-O1 -fsanitize=address,undefined'
PKG_CONFIG_PATH=$libraries/pkgconfig make -s CC="${LAMINA_TEST_CC:-cc}" CFLAGS="$flags"

"$program" train "$source/configs/digits.yaml" --run-dir run --quiet --set train.epochs=3
"$program" predict run/model.safetensors --input digits.csv --classes | sed 1d |
  cut -d, -f1 >expected
export LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
while read -r digit; do
  echo "$digit" | ./digit run/model.safetensors
done <digits.csv >found
cmp expected found
status=0
head -n 1 digits.csv | ./digit nothing.safetensors 2>sentence || status=$?
[ "$status" -eq 66 ]
grep -q 'nothing.safetensors: there is no such file' sentence
echo "$(wc -l <found) digits"
