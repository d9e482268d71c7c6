# The sizes of the style guide, and the few rules of form that no compiler checks. Needs
# code.awk, and a layout as clang-format leaves it: a function's braces are in column one.

BEGIN {
  read_exceptions(exceptions, "line file header layer function nesting parameters form")
}

FNR == 1 {
  close_file()
  open_file()
  path = FILENAME
  in_function = in_macro = 0
  signature = ""
  if (path ~ /\.c$/ && $0 !~ /^\/\*/) {
    complain("form", path, 1, "a source file begins with a comment that says its job")
  }
}

{
  read_code($0)
  lines = FNR
  if (length($0) > 100) {
    complain("line", path, FNR, "the line has " length($0) " columns, 100 are allowed")
  }
  if ($0 ~ /(^|[^A-Za-z])(TODO|FIXME|XXX)([^A-Za-z]|$)/) {
    complain("form", path, FNR, "work that is left to do belongs in an issue")
  }
  if (code ~ /^ *typedef +(struct|union|enum)[ {]/ && code !~ /\(/) {
    complain("form", path, FNR, "structs, unions and enums are used without a typedef")
  }
  if (code ~ /[^ \t]/ && path ~ /^plugins\/layers\// && path !~ /\/test_[^\/]*$/) {
    split(path, folder, "/")
    if (++layer_lines[folder[3]] == 251) {
      complain("layer", "plugins/layers/" folder[3], FNR, \
               "a layer plugin has at most 250 lines without comments")
    }
  }
  if (in_macro || code ~ /^ *#/) {
    in_macro = $0 ~ /\\$/
    next
  }
  if (in_function) {
    inside()
  } else {
    outside()
  }
}

END {
  close_file()
  finish()
}

function close_file() {
  if (path ~ /\.h$/ && lines > 250) {
    complain_of(path, "header", "a header has at most 250 lines, this one has " lines)
  } else if (path != "" && lines > 800) {
    complain_of(path, "file", "a file has at most 800 lines, this one has " lines)
  }
}

# FILENAME is the next file already when a file's end is noticed.
function complain_of(file, rule, sentence) {
  if ((rule " " file) in allowed) {
    used[rule " " file] = 1
  } else {
    print file ": " sentence " [" rule "]"
    complaints++
  }
}

function outside() {
  if (code ~ /^\{/) {
    begin_function()
  } else if (code ~ /^ *$/ || code ~ /[;}:] *$/) {
    signature = ""
  } else {
    if (signature == "") {
      first_line = FNR
    }
    signature = signature " " code
  }
}

function begin_function(    clean) {
  clean = signature
  gsub(/__attribute__ *\(\([^)]*(\([^)]*\))?[^)]*\)\)/, "", clean)
  name = "?"
  if (match(clean, /[A-Za-z_][A-Za-z0-9_]* *\(/)) {
    name = substr(clean, RSTART, RLENGTH)
    sub(/ *\($/, "", name)
  }
  if (name ~ /^(Test|TestSuite|ParameterizedTest|ParameterizedTestParameters|Theory)$/) {
    name = clean
    gsub(/^[^(]*\(|\).*$|[ ]/, "", name)
  } else if (count_parameters(clean) > 6) {
    complain("parameters", path ":" name, first_line, \
             "a function takes at most 6 parameters, " name "() takes " count_parameters(clean))
  }
  in_function = 1
  nesting = depth = 0
  too_deep = 0
  split("", seen_label)
  signature = ""
}

# Commas at the outer level of the last pair of brackets that opens at the outermost level.
function count_parameters(clean,    i, letter, level, count) {
  level = count = 0
  for (i = 1; i <= length(clean); i++) {
    letter = substr(clean, i, 1)
    if (letter == "(") {
      level++
      if (level == 1) {
        count = 1
      }
    } else if (letter == ")") {
      level--
    } else if (letter == "," && level == 1) {
      count++
    }
  }
  return count
}

function inside(    i, letter, before, label) {
  if (code ~ /^\}/) {
    in_function = 0
    if (FNR - first_line + 1 > 80) {
      complain("function", path ":" name, first_line, "a function has at most 80 lines, " \
               name "() has " (FNR - first_line + 1))
    }
    return
  }
  if (match(code, /^ *[a-z_][a-z0-9_]*: *$/) && code !~ /default/) {
    label = code
    gsub(/[ :]/, "", label)
    seen_label[label] = 1
  }
  if (match(code, /goto +[a-z_][a-z0-9_]*/)) {
    label = substr(code, RSTART, RLENGTH)
    sub(/goto +/, "", label)
    if (label in seen_label) {
      complain("form", path ":" name, FNR, "goto only jumps forward")
    }
  }
  for (i = 1; i <= length(code); i++) {
    letter = substr(code, i, 1)
    if (letter == "{") {
      before = substr(code, 1, i - 1)
      is_block[++depth] = before ~ /(\)|else|do) $/
      nesting += is_block[depth]
    } else if (letter == "}" && depth > 0) {
      nesting -= is_block[depth--]
    }
    if (nesting > 3 && !too_deep) {
      too_deep = 1
      complain("nesting", path ":" name, FNR, "blocks nest at most 3 deep in a function, " \
               name "() goes deeper")
    }
  }
}
