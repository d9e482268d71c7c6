#!/bin/sh
# lamina new: every kind's project has its files, whose plugin builds without a warning and trains;
# what cannot be a project is refused, and nothing that is there is touched. Its build system is
# tried by `make installcheck`, against an installed Lamina.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

formatter=$(command -v clang-format-14 || command -v clang-format)
"${formatter:-false}" --version 2>/dev/null | grep -q 'version 14\.' || formatter=

# A name as long as @NAME@, so that the sources keep the templates' layout.
for kind in layer loss optimizer regularizer initializer schedule metric dataset transform service; do
  lamina new "$kind" my_own --directory "$kind"
  wants 0 "$kind is the project of the $kind 'my_own'" "lamina train my_own.yaml --plugin-path ."
  (cd "$kind" && find . -type f | LC_ALL=C sort) >files
  printf './%s\n' .ci/run .gitignore Makefile.am README.md autogen.sh configure.ac my_own.c \
    my_own.md my_own.yaml test_my_own.c trains.sh | LC_ALL=C sort >wanted
  same files wanted
  ! grep -r '@' "$kind" >&2 || fail "a mark is left in the project of a $kind"
  for file in .ci/run autogen.sh trains.sh; do
    [ -x "$kind/$file" ] || fail "$file can be run"
  done
  for heading in Purpose Forward Backward Parameters Shapes Limits Example; do
    grep -q "^## $heading\$" "$kind/my_own.md" || fail "the page of a $kind has '$heading'"
  done
  if [ -n "$formatter" ]; then
    "$formatter" --style="file:$source/.clang-format" --dry-run -Werror --ferror-limit=1 \
      "$kind/my_own.c" "$kind/test_my_own.c" >&2 || fail "the layout of a $kind"
  fi
  ${LAMINA_TEST_CC:-cc} -std=c11 -O3 -Wall -Wextra -Wshadow -Wconversion -Wcast-qual -Wvla -Werror \
    -Wstrict-prototypes -Wmissing-prototypes -shared -fPIC -fvisibility=hidden -Wl,-z,defs \
    -fno-math-errno -fno-trapping-math -I"$source/framework/include" \
    -o "$kind/${kind}_my_own.so" "$kind/my_own.c" -lm || fail "the source of a $kind builds"
  lamina train "$kind/my_own.yaml" --plugin-path "$kind" --run-dir "$kind/run" --quiet
  wants 0 "model: $kind/run/model.safetensors"
  accuracy=$(last_eval "$kind/run/metrics.jsonl" accuracy)
  holds "${accuracy:-0} >= 0.9" "accuracy with a $kind"
  lamina inspect "$kind" my_own --plugin-path "$kind" --markdown
  wants 0
  ! grep -v -x -F -f "$kind/my_own.md" out >&2 || fail "the page of a $kind has all settings"
done

# What the projects in examples/ share with new ones is the same.
for folder in "$source"/examples/plugins/*/; do
  name=$(basename "$folder")
  kind=$(sed -n "s/^LAMINA_PLUGIN(\[\([a-z]*\)\], \[$name\].*/\1/p" "$folder/configure.ac")
  lamina new "${kind:-none}" "$name" --directory "example_$name"
  wants 0
  for file in .ci/run .gitignore autogen.sh trains.sh; do
    same "$folder/$file" "example_$name/$file"
  done
  if [ -f "$folder/$name.c" ]; then
    same "$folder/configure.ac" "example_$name/configure.ac"
  fi
done

# What is there stays as it is.
mkdir there && echo mine >there/file
echo mine >file
ln -s nowhere link
for name in there file link; do
  lamina new layer "$name"
  wants 65 "$name is there already, and is left as it is: choose another folder with --directory"
  lamina new layer blur --directory "$name"
  wants 65 "$name is there already"
done
[ "$(ls there)" = file ] && [ "$(cat there/file)" = mine ] && [ "$(cat file)" = mine ] &&
  [ ! -e nowhere ] || fail "something was touched"
[ ! -e blur ] || fail "a refused project leaves a folder"

# A project is whole or not there: here a file cannot have more than a kilobyte.
(
  ulimit -f 1
  lamina new layer blur
  wants 74 "this file cannot be written"
  exit "$failures"
) || failures=$((failures + 1))
[ ! -e blur ] || fail "half a project is left: $(ls -A blur)"

while IFS='|' read -r expected arguments words; do
  eval "lamina new $arguments"
  wants "$expected" "$words"
done <<'END'
64||a kind and a name, such as: layer swish
64|layer|a kind and a name
64|layer blur more|'more' is one argument too many
64|lair blur|there is no kind 'lair', did you mean 'layer'?
64|activation blur|kinds are layer, loss, optimizer
64|layer blur --directory|--directory needs a value
64|layer blur --directory=|--directory is empty
64|layer blur --direktory=x|did you mean '--directory'?
65|layer Blur|'Blur' cannot be the name of a layer plugin
65|layer ../blur|'../blur' cannot be the name
65|loss 'a b'|'a b' cannot be the name
65|layer ''|'' cannot be the name
65|layer int|'int' cannot be the name of a new plugin: it is a word of C
74|layer blur --directory no/such/place|no/such/place: this folder cannot be made: No such file
END
[ ! -e blur ] || fail "a refused project leaves a folder"

# Folders that a shell would take apart are quoted, and a namesake is told.
lamina new layer relu --directory "a b"
wants 0 "cd -- 'a b'" "The layer 'relu' is there already, $LAMINA_TEST_PLUGINS/layer_relu.so" \
  "comes first on the search path"
lamina new layer --help
wants 0 "Usage: lamina new KIND NAME" "--directory DIR"
finish
