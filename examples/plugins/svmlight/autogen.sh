#!/bin/sh
# Makes ./configure. Lamina's part of it, lamina.m4, is where lamina.pc says.
set -e
cd "$(dirname "$0")"
macros=$(pkg-config --variable=aclocaldir lamina) || {
  echo "autogen.sh: pkg-config finds no lamina: set PKG_CONFIG_PATH to PREFIX/lib/pkgconfig" >&2
  exit 69
}
autoreconf -fi -I "$macros"
