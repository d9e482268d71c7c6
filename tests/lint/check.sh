#!/bin/sh
# The checks of the sources themselves: each complains of what it is there for, and of nothing
# else. Every case is a small tree with one file.

lint=$LAMINA_TEST_SOURCE/tests/lint
failures=0

# tree PATH: a new tree whose file PATH is standard input. It has six rooms of its own.
tree() {
  rm -rf "$TMPDIR/tree"
  mkdir -p "$TMPDIR/tree/tests" "$TMPDIR/tree/framework" "$TMPDIR/tree/plugins/layers/blur" \
    "$TMPDIR/tree/$(dirname "$1")" || exit 99
  cp -R "$lint" "$TMPDIR/tree/tests/lint" && chmod -R u+w "$TMPDIR/tree/tests/lint" || exit 99
  : >"$TMPDIR/tree/tests/lint/exceptions.txt"
  {
    printf 'floor %s\n' 'base 0' 'io 1' 'config 2' 'graph 3' 'settings 3' 'cli 7'
    grep -v '^floor ' "$lint/floors.txt"
  } >"$TMPDIR/tree/tests/lint/floors.txt"
  echo "$1" >"$TMPDIR/path"
  cat >"$TMPDIR/tree/$1"
}

# expect CHECK PATTERN: the check must fail with a line like that about the file; an empty
# pattern: it must pass and say nothing. The line begins with what $TMPDIR/path holds.
expect() {
  path=$(cat "$TMPDIR/path")
  if sh "$lint/$1.sh" "$TMPDIR/tree" >"$TMPDIR/out" 2>&1; then status=0; else status=1; fi
  if [ -z "$2" ]; then
    [ "$status" -eq 0 ] && [ ! -s "$TMPDIR/out" ] && return
  else
    [ "$status" -ne 0 ] && grep -q "^$path.*$2" "$TMPDIR/out" && return
  fi
  echo "$1 of $path: expected '$2', found:"
  cat "$TMPDIR/out"
  failures=$((failures + 1))
}

# one PATH CHECK PATTERN LINE...: a tree with a file of these lines, and what must come of it.
one() {
  place=$1 check=$2 pattern=$3
  shift 3
  printf '%s\n' '/* A case. */' "$@" | tree "$place"
  expect "$check" "$pattern"
}

# repeat N LINE: the line N times.
repeat() {
  awk -v n="$1" -v line="$2" 'BEGIN { while (n-- > 0) print line }'
}

# function_of N: a source file with a function of N lines.
function_of() {
  echo '/* A case. */'
  echo 'int f(void)'
  echo '{'
  repeat "$(($1 - 3))" '  g();'
  echo '}'
}

function_of 80 | tree framework/base/a.c && expect sizes ''
function_of 81 | tree framework/base/a.c && expect sizes 'f() has 81 .function.'
{ echo '/* A case. */' && repeat 799 ''; } | tree framework/base/a.c && expect sizes ''
{ echo '/* A case. */' && repeat 800 ''; } | tree framework/base/a.c && expect sizes 'has 801'
repeat 250 '' | tree framework/base/a.h && expect sizes ''
repeat 251 '' | tree framework/base/a.h && expect sizes 'has 251 .header.'
{ repeat 200 '/* why */' && repeat 250 'int a;'; } | tree plugins/layers/blur/a.c && expect sizes ''
{ repeat 9 '/* why */' && repeat 251 'int a;'; } | tree plugins/layers/blur/a.c &&
  expect sizes '250 lines without comments'
line=$(repeat 20 '12345' | tr -d '\n')
one framework/base/a.c sizes '' "$line"
one framework/base/a.c sizes 'has 101 columns' "x$line"
one framework/base/a.c sizes 'without a typedef' 'typedef struct a b;'
one framework/base/a.c sizes '' 'typedef enum a (*b_fn)(int c);'
one framework/base/a.c sizes 'left to do' '/* TODO: more */'
one framework/base/a.c sizes '' 'int f(int a, int b, int c, int d, int e, void (*g)(int, int))' '{' '}'
one framework/base/a.c sizes 'at most 6 parameters' 'int f(int a, int b, int c, int d,' \
  '      int e, int g, int h)' '{' '}'
deep='for (;;) {'
one framework/base/a.c sizes '' 'int f(void)' '{' "$deep" "if (a) {" "do {" 'int b[] = {1};' \
  '} while (a);' '}' '}' '}'
one framework/base/a.c sizes 'at most 3 deep' 'int f(void)' '{' "$deep" "if (a) {" "do {" \
  'if (b) {' '}' '} while (a);' '}' '}' '}'
one framework/base/a.c sizes '' 'int f(void)' '{' 'goto out;' 'out:' '  return 0;' '}'
one framework/base/a.c sizes 'only jumps forward' 'int f(void)' '{' 'out:' '  goto out;' '}'
echo 'int a;' | tree framework/base/a.c && expect sizes 'begins with a comment'
function_of 81 | tree framework/base/a.c
echo 'function framework/base/a.c:f a table in the shape of a function' \
  >"$TMPDIR/tree/tests/lint/exceptions.txt"
expect sizes ''
echo tests/lint/exceptions.txt >"$TMPDIR/path"
function_of 80 >"$TMPDIR/tree/framework/base/a.c"
expect sizes 'not needed any more'

one framework/graph/a.c floors '' '#include "base/error.h"' '#include "graph/b.h"' '#include "c.h"' \
  '#include <lamina/plan.h>' '#include <stdio.h>'
one framework/graph/a.c floors 'does not see settings' '#include "settings/settings.h"'
one framework/graph/a.c floors 'does not see cli' '#include "cli/main.h"'
one framework/graph/a.c floors 'for the files of base' '#include "base/a_internal.h"'
one framework/graph/a.c floors 'no room attic' '#include "attic/b.h"'
one framework/attic/a.c floors 'which floor attic' 'int a;'
one framework/graph/a.c floors 'included with <>' '#include "lamina/plan.h"'
one framework/graph/a.c floors 'not included' '#include "base/error.c"'
one framework/graph/a.c floors 'framework/config only' '#include <yaml.h>'
one framework/config/a.c floors '' '#include <yaml.h>'
one framework/include/lamina/a.h floors 'public headers only' '#include "base/error.h"'
one framework/include/lamina/a.h floors 'libc and libm' '#include <yaml.h>'
one plugins/layers/blur/a.c floors '' '#include <lamina/layer.h>' '#include <math.h>' '#include "b.h"'
one plugins/layers/blur/a.c floors '' '#include "convolution/window.h"'
one plugins/layers/blur/a.c floors 'own folder' '#include "base/error.h"'
one plugins/layers/blur/a.c floors 'own folder' '#include "dense/dense.h"'
one plugins/layers/blur/a.c floors 'libc and libm' '#include <pthread.h>'
one plugins/layers/blur/a.c floors 'leaves malloc' 'void *a = malloc(1);'
one plugins/layers/blur/a.c floors '' '/* malloc(1) */' 'const char *a = "malloc(1)";' 'a->free(b);'
one plugins/layers/blur/test_blur.c floors '' '#include "base/error.h"' 'void *a = malloc(1);'
one framework/graph/a.c floors 'printf is used in framework/cli' '  printf("a");'
one framework/graph/a.c floors 'stderr is used' '  fputs("a", stderr);'
one framework/graph/a.c floors 'malloc is used in framework/base/memory.c' 'a = malloc(1);'
one framework/cli/a.c floors '' '  printf("a");' '  exit(1);'
one framework/base/memory.c floors '' 'a = malloc(1);'
one framework/graph/a.c floors 'no plugin by name' 'const char *a = "blur";'
one framework/graph/a.c floors 'no plugin by name' 'const char *a = "layer_blur.so";'
one framework/graph/a.c floors '' '/* such as "blur" */' 'const char *a = "a blurred picture";'

repeat 3 'int a;' | tree framework/base/a.c
echo 'framework 3' >"$TMPDIR/tree/tests/lint/budget.txt"
sh "$lint/budget.sh" "$TMPDIR/tree" | grep -qx 'lines: framework 3 of 3' || {
  echo "budget: expected 3 of 3 lines"
  failures=$((failures + 1))
}
echo 'framework 2' >"$TMPDIR/tree/tests/lint/budget.txt"
echo 'lines: framework 3 of 2' >"$TMPDIR/path"
expect budget 'over the budget'
exit $((failures > 0))
