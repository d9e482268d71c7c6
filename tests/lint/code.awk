# Reads C line by line for the other checks. read_code(line) sets
#   text   the line without comments
#   code   the same, with the contents of strings and characters taken out
# and remembers whether a comment is open. The strings of the line are literal[1 .. literals].

function open_file() {
  in_comment = 0
}

function read_code(line,    at, mark, rest) {
  text = ""
  code = ""
  literals = 0
  rest = line
  while (rest != "") {
    if (in_comment) {
      at = index(rest, "*/")
      if (at == 0) {
        return
      }
      rest = substr(rest, at + 2)
      in_comment = 0
      continue
    }
    if (!match(rest, /\/\*|\/\/|"|'/)) {
      text = text rest
      code = code rest
      return
    }
    at = RSTART
    mark = substr(rest, at, RLENGTH)
    text = text substr(rest, 1, at - 1)
    code = code substr(rest, 1, at - 1)
    rest = substr(rest, at)
    if (mark == "//") {
      return
    }
    if (mark == "/*") {
      in_comment = 1
      rest = substr(rest, 3)
      continue
    }
    if (mark == "\"") {
      at = match(rest, /^"([^"\\]|\\.)*"/)
    } else {
      at = match(rest, /^'([^'\\]|\\.)*'/)
    }
    if (at == 0) {
      text = text rest
      code = code mark mark
      return
    }
    if (mark == "\"") {
      literal[++literals] = substr(rest, 2, RLENGTH - 2)
    }
    text = text substr(rest, 1, RLENGTH)
    code = code mark mark
    rest = substr(rest, RLENGTH + 1)
  }
}

# Exceptions: a file of lines "RULE PLACE reason", where PLACE is a path, a path:function, or
# whatever else the rule complains of. A rule that is used by nobody is itself a complaint.

function read_exceptions(file, rules,    line, part) {
  while ((getline line < file) > 0) {
    if (line ~ /^[ \t]*(#|$)/) {
      continue
    }
    split(line, part, " ")
    if (index(" " rules " ", " " part[1] " ") == 0) {
      continue
    }
    if (part[3] == "") {
      print file ": the exception for " part[1] " " part[2] " gives no reason"
      complaints++
    }
    allowed[part[1] " " part[2]] = 1
  }
  close(file)
}

function complain(rule, place, line, sentence) {
  if ((rule " " place) in allowed) {
    used[rule " " place] = 1
    return
  }
  print FILENAME ":" line ": " sentence " [" rule "]"
  complaints++
}

function finish(    key) {
  for (key in allowed) {
    if (!(key in used)) {
      print "tests/lint/exceptions.txt: the exception for " key " is not needed any more"
      complaints++
    }
  }
  exit complaints > 0
}
