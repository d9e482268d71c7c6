#!/bin/sh
# lamina conform as a user runs it: what it prints, its forms, its exit status. That each bug is
# found is tests/conform's part.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

seeded=${LAMINA_TEST_SEEDED:?}
plugins=${LAMINA_TEST_PLUGINS:?}
# Crashes on purpose are no findings of a sanitizer.
ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}handle_segv=0:handle_abort=0:handle_sigfpe=0"
export ASAN_OPTIONS

lamina conform "$plugins/layer_relu.so"
wants 0 "layer 'relu' 1.0.0" "0 broken"
begin=$(date +%s)
lamina conform "$plugins/layer_dense.so" --seed 7
wants 0 "seed 7" "0 broken"
[ "${LAMINA_TEST_SANITIZED:-no}" = yes ] || holds "$(date +%s) - $begin < 10" "a layer takes seconds"

# A finding: the rule, what was found, what it means, how to see it again.
lamina conform "$seeded/layer_wrong_gradient.so"
wants 70 "BROKEN L05: backward() computes the gradient" "differences say" "If broken: " \
  "Again: lamina conform $seeded/layer_wrong_gradient.so --only L05 --seed 1" \
  "lamina: layer 'wrong_gradient' 1.0.0 breaks 1 requirement"
lamina conform "$seeded/layer_wrong_gradient.so" --only L06,P
wants 0 "not checked: L05, not asked for"
lamina conform "$seeded/layer_wrong_gradient.so" --skip L05
wants 0 "0 broken"

# What a plugin should do counts when it is asked to.
lamina conform "$seeded/layer_setting_ignored.so" --only S04
wants 0 "SUSPICIOUS S04"
lamina conform "$seeded/layer_setting_ignored.so" --only S04 --strict
wants 70 "SUSPICIOUS S04" "'shift' changes nothing"

# A plugin that crashes, hangs or exits is named, and the tool comes to its end.
lamina conform "$seeded/layer_divides.so"
wants 70 "BROKEN P11" "an integer was divided by zero (SIGFPE)"
lamina conform "$seeded/layer_exits.so"
wants 70 "BROKEN P11" "ended the process with status 0"
lamina conform "$seeded/layer_hangs.so" --timeout 1
wants 70 "BROKEN P11" "does not come back: stopped after"
for name in crash abort exit; do
  lamina conform "$fixtures/layer_$name.so"
  wants 70 "BROKEN P11" "loading, $fixtures/layer_$name.so"
done

# What cannot be loaded ends as a training ends with it.
head -c 5000 "$fixtures/layer_sin.so" >layer_short.so
cp "$fixtures/layer_sin.so" layer_renamed.so
printf 'text\n' >layer_text.so
for name in short renamed text; do
  lamina conform "layer_$name.so"
  wants 65 "BROKEN P01" "refused layer '$name' from $work/layer_$name.so: "
done
for name in bad_major newer; do
  lamina conform "$fixtures/layer_$name.so"
  wants 65 "BROKEN P01" "Lamina ABI"
done
lamina conform absent.so
wants 66 "the file absent.so cannot be found"
lamina conform
wants 64 "lamina conform needs a plugin's file"
lamina conform "$plugins/layer_relu.so" --only X09
wants 64 "there is no requirement 'X09'"
lamina conform "$plugins/layer_relu.so" --format html
wants 64 "--format is 'html', expected text, tap, junit or json"

# What the user gives is what is tried.
lamina conform "$plugins/layer_dense.so" --settings '{units: 3}' --shapes 4x6 --only L01,L05
wants 0 "0 broken"
lamina conform "$plugins/layer_dense.so" --settings '{unit: 3}' --only L01
wants 70 "BROKEN L01"
lamina conform "$plugins/layer_relu.so" --shapes 4y6 --only L01
wants 70 "BROKEN L01"

# The same in forms for machines.
lamina conform "$seeded/layer_add_ignored.so" --only L05,L06 --format tap
wants 70 "TAP version 13" "not ok" "- L06 Requests are kept" "# SKIP not asked for"
[ "$(grep -c '^\(not \)\{0,1\}ok ' out)" -eq "$(sed -n 's/^1\.\.//p' out)" ] ||
  fail "the plan of the TAP is right"
lamina conform "$seeded/layer_add_ignored.so" --only L05,L06 --format junit
wants 70 "<testsuite name=\"layer 'add_ignored' 1.0.0\""
grep -q '<failure message=' out || fail "a failure in JUnit's form"
if command -v xmllint >/dev/null; then
  xmllint --noout out || fail "the XML is well-formed"
fi
lamina conform "$seeded/layer_add_ignored.so" --only L05,L06 --format json
wants 70 '"conforms": false' '"id": "L06", "severity": "must", "verdict": "broken"'
if command -v python3 >/dev/null; then
  python3 -c 'import json; json.load(open("out"))' || fail "the JSON can be read"
fi

# In the tool's own process, for a debugger; and the page of the rules, which the tree carries.
lamina conform "$plugins/layer_tanh.so" --in-process
wants 0 "0 broken"
lamina conform --rules
wants 0
same out "$source/framework/conform/requirements.md"

finish
