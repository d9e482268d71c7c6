#!/bin/sh
# Freezes the ABI of the public headers: run once, when a minor version is released.
#
#   tests/abi/freeze.sh            writes golden/1.N.def (the layout), golden/1.N.abi (what abidw
#                                  says of it) and museum/1.N/include (the headers themselves)
#   tests/abi/freeze.sh --again    the same over what is there: only before that release
#
# A museum also needs plugins and an experiment in which they take part, as museum/1.0 has them, and
# the results, which minors.sh writes when it is asked to.
set -u
again=no
if [ "${1:-}" = --again ]; then
  again=yes
fi
source=$(CDPATH= cd -- "$(dirname -- "$0")/../.." && pwd) || exit 99
include=$source/framework/include
. "$source/tests/abi/abi.sh"

version=$(abi_version)
golden=$here/golden/$version
museum=$here/museum/$version/include/lamina
if [ "$again" = no ] && [ -e "$golden.def" ]; then
  echo "freeze.sh: ABI $version is frozen already; what is released never changes" >&2
  exit 1
fi
mkdir -p "$here/golden" "$museum" || exit 1
abi_layout "$folder/def" && mv "$folder/def" "$golden.def" || exit 1
if abi_describe "$folder/abi"; then
  mv "$folder/abi" "$golden.abi" || exit 1
else
  echo "freeze.sh: without abidw (Debian: abigail-tools) $golden.abi cannot be written" >&2
  exit 1
fi
rm -f "$museum"/*.h
cp "$include"/lamina/*.h "$museum" || exit 1
rm "$museum/lamina.h" # no part of the ABI of plugins
echo "frozen: $golden.def, $golden.abi, $museum"
