# Who includes and calls what, against floors.txt. Needs code.awk.
#
# Folders of framework/ are rooms. Plugins see <lamina/...>, libc, libm, their own folder and
# those of plugins/ that are no plugins but what several have in common; their tests, and
# everything under tests/, see all. No file of framework/ names a plugin.

BEGIN {
  read_exceptions(exceptions, "include call name")
  read_table(table)
  count = split(plugins, list, " ")
  for (i = 1; i <= count; i++) {
    split(list[i], part, "/")
    kind = part[2] == "losses" ? "loss" : substr(part[2], 1, length(part[2]) - 1)
    plugin_name[part[3]] = list[i]
    plugin_symbol[kind "_" part[3]] = list[i]
  }
}

function read_table(file,    line, part, n, i) {
  while ((getline line < file) > 0) {
    n = split(line, part, " ")
    if (part[1] == "floor") {
      floor_of[part[2]] = part[3]
    } else if (part[1] == "library") {
      library_room[part[2]] = part[3]
    } else if (part[1] == "only") {
      for (i = 3; i <= n; i++) {
        only_in[part[i]] = part[2]
      }
    } else if (part[1] == "plugins-not") {
      for (i = 2; i <= n; i++) {
        plugins_not[part[i]] = 1
      }
    } else if (part[1] == "shared") {
      for (i = 2; i <= n; i++) {
        shared[part[i]] = 1
      }
    } else if (part[1] == "standard") {
      for (i = 2; i <= n; i++) {
        standard[part[i]] = 1
      }
    }
  }
  close(file)
}

FNR == 1 {
  open_file()
  path = FILENAME
  split(path, step, "/")
  room = ""
  if (path ~ /^framework\/include\//) {
    place = "public"
  } else if (step[1] == "framework") {
    place = "room"
    room = step[2]
    if (!(room in floor_of)) {
      complain("include", path, 1, "tests/lint/floors.txt does not say which floor " room \
               " is on")
    }
  } else if (step[1] == "plugins" && path !~ /\/test_[^\/]*$/) {
    place = "plugin"
  } else {
    place = "test"
  }
}

{
  read_code($0)
  if (text ~ /^ *# *include/) {
    check_include()
  } else if (place != "test") {
    check_calls()
    if (place == "room") {
      check_names()
    }
  }
}

END {
  finish()
}

function check_include(    header, quoted) {
  header = text
  quoted = header ~ /"/
  gsub(/^[^"<]*["<]|[">].*$/, "", header)
  if (header ~ /\.c$/ || (place != "test" && header ~ /\.\./)) {
    complain("include", path, FNR, "sources and paths with .. are not included: " header)
  } else if (quoted && header ~ /^lamina\//) {
    complain("include", path, FNR, "public headers are included with <>: " header)
  } else if (place == "room" && quoted) {
    check_room(header)
  } else if (place == "room" && (header in library_room) && library_room[header] != room) {
    complain("include", path, FNR, header " is used in framework/" library_room[header] \
             " only")
  } else if (place == "room" && header ~ /^criterion/) {
    complain("include", path, FNR, "the runtime does not use the test library")
  } else if (place == "plugin" && quoted && header ~ /\// && !is_shared(header)) {
    complain("include", path, FNR, "a plugin includes quoted headers of its own folder and of " \
             "shared ones only: " header)
  } else if (place == "public" && quoted) {
    complain("include", path, FNR, "a public header includes public headers only: " header)
  } else if ((place == "plugin" || place == "public") && !quoted && header !~ /^lamina\// && \
             !(header in standard)) {
    complain("include", path, FNR, "only <lamina/...>, libc and libm are included here: " \
             header)
  }
}

function is_shared(header,    folder) {
  folder = header
  sub(/\/.*$/, "", folder)
  return folder in shared
}

function check_room(header,    other) {
  other = header
  if (sub(/\/.*$/, "", other) == 0 || other == room) {
    return
  }
  if (!(other in floor_of)) {
    complain("include", path, FNR, "there is no room " other)
  } else if (floor_of[other] + 0 >= floor_of[room] + 0) {
    complain("include", path, FNR, room " is on floor " floor_of[room] \
             " and does not see " header " on floor " floor_of[other])
  } else if (header ~ /_internal\.h$/) {
    complain("include", path, FNR, header " is for the files of " other " only")
  }
}

# Words that are called, and the standard streams, which are used by name. Members of structs
# may be called what they like.
function check_calls(    rest, word, before, after, home) {
  rest = code
  while (match(rest, /[A-Za-z_][A-Za-z0-9_]*/)) {
    word = substr(rest, RSTART, RLENGTH)
    before = RSTART > 1 ? substr(rest, RSTART - 1, 1) : " "
    after = substr(rest, RSTART + RLENGTH)
    rest = after
    if (before == "." || before == ">") {
      continue
    }
    if (word != "stdout" && word != "stderr" && after !~ /^ *\(/) {
      continue
    }
    if (place == "plugin" && (word in plugins_not)) {
      complain("call", path ":" word, FNR, "a plugin leaves " word " to its host")
    } else if (place == "room" && (word in only_in)) {
      home = "framework/" only_in[word]
      if (path != home && index(path, home "/") != 1) {
        complain("call", path ":" word, FNR, word " is used in " home " only")
      }
    }
  }
}

function check_names(    i, rest, word) {
  for (i = 1; i <= literals; i++) {
    if (literal[i] in plugin_name) {
      complain("name", path ":" literal[i], FNR, "the runtime knows no plugin by name: \"" \
               literal[i] "\" is " plugin_name[literal[i]])
    }
  }
  rest = text
  while (match(rest, /[a-z][a-z0-9_]*/)) {
    word = substr(rest, RSTART, RLENGTH)
    rest = substr(rest, RSTART + RLENGTH)
    if (word in plugin_symbol) {
      complain("name", path ":" word, FNR, "the runtime knows no plugin by name: " word)
    }
  }
}
