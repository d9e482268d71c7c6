#!/bin/sh
# Builds, tests and trains one plugin project against the installed Lamina that PATH and
# PKG_CONFIG_PATH lead to, as a stranger would, and checks what came of it.
#
#   project.sh FOLDER KIND NAME
#
# Says one line, or shows the log. NAME.yaml has to reach an accuracy of 0.9.
folder=$1 kind=$2 name=$3
began=$(date +%s)
cd "$folder" || exit 1
log=$(pwd).log

# do_all: everything, with what it says in the log; ends at the first failure.
do_all() {
  ./autogen.sh
  ./configure -q --enable-werror
  make -s
  make -s check
  plugin=${kind}_$name.so
  nm -D --defined-only "$plugin" | awk -v wanted="${kind}_${name}_LTX_lamina_plugin_v1" '
    $3 != wanted { print "the plugin exports " $3; bad = 1 }
    END { exit bad || NR != 1 }'
  readelf -d "$plugin" >needed
  if grep 'NEEDED.*lamina' needed; then return 1; fi
  lamina inspect "$kind" "$name" --plugin-path . --markdown >settings
  if [ -n "$(grep -v -x -F -f "$name.md" settings)" ]; then
    echo "the settings in $name.md are not those of the plugin:"
    diff "$name.md" settings | grep '^>'
    return 1
  fi
  lamina conform "./$plugin"
  lamina train "$name.yaml" --plugin-path . --run-dir run --quiet
  tail -n 1 run/metrics.jsonl | awk -F '"accuracy": ' '
    { accuracy = $NF + 0 }
    END { print "accuracy " accuracy; exit !(accuracy >= 0.9) }'
  make -s install DESTDIR="$folder/installed"
  [ -n "$(find installed -path "*/lamina/1/$plugin")" ]
}

(set -e && do_all) >"$log" 2>&1 </dev/null
status=$?
if [ "$status" -eq 0 ] && [ -n "$(git --version 2>/dev/null)" ]; then
  # What a build makes is ignored, so that the first commit holds the sources.
  made=$(git init -q . && git status --porcelain -uall --ignored=no |
    grep -E '\.(o|so|log|trs)$|Makefile(\.in)?$|/config' | head -n 3)
  [ -z "$made" ] || { echo "not ignored: $made" >>"$log" && status=1; }
fi
if [ "$status" -ne 0 ]; then
  tail -n 40 "$log" >&2
  for test in test_*.log trains.log; do
    [ ! -f "$test" ] || sed "s/^/  $test: /" "$test" >&2
  done
  echo "FAILED: the project of the $kind '$name' in $folder" >&2
  exit 1
fi
seconds=$(($(date +%s) - began))
echo "$kind '$name' is built, tested and trained in $seconds s"
[ "$seconds" -lt 60 ] || {
  echo "FAILED: that is 60 s or more" >&2
  exit 1
}
