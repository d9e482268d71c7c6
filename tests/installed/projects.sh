#!/bin/sh
# The plugin developer's kit against an installed Lamina alone: what `lamina new` writes for every
# kind, and every project of examples/plugins, is built, tested and trained by its own build.
# `make installcheck` runs it.
#
#   projects.sh SOURCE PROGRAM PKGCONFIGDIR
#
# PROGRAM and PKGCONFIGDIR are the installed ones, below DESTDIR if there is one. CC and CXX are
# used where they are set.
source=$1 PKG_CONFIG_PATH=$3${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
PATH=$(dirname "$2"):$PATH
export PATH PKG_CONFIG_PATH
unset MAKEFLAGS MFLAGS MAKELEVEL DESTDIR LAMINA_PLUGIN_PATH LAMINA

for tool in autoreconf pkg-config nm readelf; do
  command -v "$tool" >/dev/null || {
    echo "projects.sh: skipped: $tool is not installed"
    exit 0
  }
done
work=$(mktemp -d "${TMPDIR:-/tmp}/lamina-projects-XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99

kinds='layer loss optimizer regularizer initializer schedule metric dataset transform service'
for kind in $kinds; do
  mkdir "$kind"
  (cd "$kind" && lamina new "$kind" "my_$kind") >log || exit 1
  echo "$work/$kind/my_$kind $kind my_$kind"
done >list

# example KIND NAME COMPILER: a project of examples/plugins, unless its compiler is missing.
example() {
  command -v "$3" >/dev/null || {
    echo "the $1 '$2' of examples/plugins is skipped: there is no $3"
    return
  }
  cp -R "$source/examples/plugins/$2" "$work/$2" && chmod -R u+w "$work/$2" || exit 1
  echo "$work/$2 $1 $2" >>list
}
cxx=${CXX:-c++}
example layer swish cc
example loss focal cc
example optimizer lion cc
example dataset svmlight cc
example layer rms_norm "${cxx%% *}"
example layer softplus rustc

xargs -P "$(nproc 2>/dev/null || echo 1)" -n 3 sh "$source/tests/installed/project.sh" <list ||
  exit 1

# README's own commands, and what the continuous integration of that project runs.
awk '/^```/ { inside = 0 } inside { text = text $0 "\n" } /^```sh$/ { inside = 1; text = "" }
  text ~ /lamina new/ && /^```$/ { printf "%s", text; exit }' "$source/README.md" >stranger.sh
[ -s stranger.sh ] && sh -e stranger.sh >log 2>&1 </dev/null && blur/.ci/run >log 2>&1 </dev/null || {
  tail -n 40 log >&2
  echo "FAILED: the commands of README.md, or .ci/run of what they make" >&2
  exit 1
}
echo "the commands of README.md work, and what they make passes its own .ci/run"
