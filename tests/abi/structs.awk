# Reads public headers and knows their structs, so that scripts can list, freeze and damage them.
#
#   awk -f structs.awk -v mode=list HEADERS...
#     struct NAME frozen|grows HEADER       a struct that says its size in uint32_t size grows
#     field STRUCT NAME TYPE...             the type as it stands, without the name
#     number NAME                           an enumerator
#   awk -f structs.awk -v mode=mutate -v struct=NAME -v field=INDEX -v how=HOW HEADER
#     the header with that struct changed: HOW is drop, swap (with the next field), insert (before
#     the field, or behind the last one with an index that is one too large) or retype
#
# What ends in '_' is a header's own and no part of the ABI; the sizes of chunks and of buffers for
# texts (_GRAIN, _TEXT) are each plugin's own.
# A member that is a macro has no fields of its own here; the size of its struct counts it.

function blanks(text)
{
  gsub(/[^\n]/, " ", text)
  return text
}

# The text with comments blanked out, as long as it was, so that positions stay.
function without_comments(text, out, at, stop)
{
  out = ""
  while ((at = index(text, "/*")) > 0) {
    stop = index(substr(text, at), "*/") + 1
    out = out substr(text, 1, at - 1) blanks(substr(text, at, stop))
    text = substr(text, at + stop)
  }
  return out text
}

function squeeze(text)
{
  gsub(/[ \t\n]+/, " ", text)
  sub(/^ /, "", text)
  sub(/ $/, "", text)
  return text
}

# One declarator: "float *const *state" or "int32_t (*setup)(void *self)".
function add_field(text, at, name)
{
  if (match(text, /\(\*[a-z_0-9]+\)/)) {
    name = substr(text, RSTART + 2, RLENGTH - 3)
    types[n] = substr(text, 1, RSTART + 1) substr(text, RSTART + RLENGTH - 1)
  } else {
    match(text, /[a-z_0-9]+$/)
    name = substr(text, RSTART)
    types[n] = squeeze(substr(text, 1, RSTART - 1))
  }
  names[n++] = name
}

# A member, which may declare several fields of one type: "const char *name, *version".
function add_member(text, parts, count, i, base)
{
  text = squeeze(text)
  if (text == "" || text ~ /^[A-Z_0-9]+$/) {
    return
  }
  if (text ~ /\(/) {
    add_field(text)
    return
  }
  count = split(text, parts, /, */)
  base = parts[1]
  sub(/[ *]*[a-z_0-9]+$/, "", base)
  add_field(parts[1])
  for (i = 2; i <= count; i++) {
    add_field(base " " parts[i])
  }
}

function read_fields(body, members, count, i)
{
  n = 0
  count = split(body, members, ";")
  for (i = 1; i <= count; i++) {
    add_member(members[i])
  }
}

function grows(i)
{
  for (i = 0; i < 2 && i < n; i++) {
    if (names[i] == "size" && types[i] == "uint32_t") {
      return 1
    }
  }
  return 0
}

function print_list(name, i)
{
  print "struct", name, grows() ? "grows" : "frozen", header
  for (i = 0; i < n; i++) {
    print "field", name, names[i], types[i]
  }
}

# A field of another type of the same size where there is one.
function other_type(type)
{
  if (type ~ /\(\*\)/) {
    sub(/\(\*\)\(/, "(*)(uint64_t, ", type)
    sub(/, void\)$/, ")", type)
    return type
  }
  if (type ~ /\*$/) {
    return type == "const uint16_t *" ? "const int8_t *" : "const uint16_t *"
  }
  if (type == "double" || type ~ /^u?int64_t$/) {
    return type == "int64_t" ? "uint64_t" : "int64_t"
  }
  if (type == "float" || type ~ /^u?int32_t$/) {
    return type == "int32_t" ? "uint32_t" : "int32_t"
  }
  if (type ~ /^u?int8_t$/) {
    return type == "int8_t" ? "uint8_t" : "int8_t"
  }
  return type == "int16_t" ? "uint16_t" : "int16_t"
}

function declare(type, name)
{
  if (type ~ /\(\*\)/) {
    sub(/\(\*\)/, "(*" name ")", type)
    return "  " type ";\n"
  }
  return "  " type (type ~ /\*$/ ? "" : " ") name ";\n"
}

# Members that are macros stay where they were: behind the fields, as all of ours do.
function mutated(body, out, i, last, macros, members, count)
{
  last = field + 0
  count = split(body, members, ";")
  for (i = 1; i <= count; i++) {
    if (squeeze(members[i]) ~ /^[A-Z_0-9]+$/) {
      macros = macros "  " squeeze(members[i]) ";\n"
    }
  }
  for (i = 0; i < n; i++) {
    if (how == "insert" && i == last) {
      out = out declare("uint64_t", "inserted")
    }
    if (how == "swap" && i == last && i + 1 < n) {
      out = out declare(types[i + 1], names[i + 1]) declare(types[i], names[i])
      i++
    } else if (how == "retype" && i == last) {
      out = out declare(other_type(types[i]), names[i])
    } else if (how != "drop" || i != last) {
      out = out declare(types[i], names[i])
    }
  }
  if (how == "insert" && last == n) {
    out = out declare("uint64_t", "inserted")
  }
  return "\n" out macros
}

function read_numbers(text, body, parts, count, i, name)
{
  while (match(text, /enum( [a-z_]+)? \{/)) {
    text = substr(text, RSTART + RLENGTH)
    body = substr(text, 1, index(text, "}") - 1)
    count = split(body, parts, ",")
    for (i = 1; i <= count; i++) {
      name = squeeze(parts[i])
      sub(/[ =].*/, "", name)
      if (name ~ /^LAMINA_[A-Z0-9_]+$/ && name !~ /(_|_GRAIN|_TEXT)$/) {
        print "number", name
      }
    }
  }
}

# Statuses are enumerators made by a list: X(LAMINA_OK, 0, ...).
function read_statuses(text)
{
  while (match(text, /[^A-Z_]X\(LAMINA_[A-Z_]+,/)) {
    print "number", substr(text, RSTART + 3, RLENGTH - 4)
    text = substr(text, RSTART + RLENGTH)
  }
}

function finish(clean, from, name, length_of, body)
{
  clean = without_comments(text)
  from = 1
  while (match(substr(clean, from), /struct lamina_[a-z0-9_]*[a-z0-9] \{/)) {
    name = substr(clean, from + RSTART + 6, RLENGTH - 9)
    from += RSTART + RLENGTH - 1
    length_of = index(substr(clean, from), "};") - 1
    body = substr(clean, from, length_of)
    read_fields(body)
    if (mode == "list") {
      print_list(name)
    } else if (name == struct) {
      printf "%s%s%s", substr(text, 1, from - 1), mutated(body), substr(text, from + length_of)
      done = 1
    }
  }
  if (mode == "list") {
    read_numbers(clean)
    read_statuses(clean)
  }
}

FNR == 1 {
  if (NR > 1) {
    finish()
  }
  text = ""
  header = FILENAME
  sub(/.*\//, "lamina/", header)
}

{
  text = text $0 "\n"
}

END {
  finish()
  if (mode == "mutate" && !done) {
    printf "%s", text
  }
}
