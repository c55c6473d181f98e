# Makes a page of the site of a Markdown file, whose links are written as a forge wants them:
#
#   its headings         get labels: page-tls of docs/tls.md, page-tls-what-it-costs of "## What it costs" in it,
#                        page-decisions of docs/decisions/README.md
#   (tls.md#what-it-costs), (#what-it-costs)     become links to those labels
#   (../examples/echo_server.cpp)                becomes (files/examples/echo_server.cpp), a copy by finish.py

# `path` without folders, `.md` and a README in front of it.
function name_of(path) {
  sub(/(\/README)?\.md$/, "", path)
  sub(/.*\//, "", path)
  return path
}

# `path` with its `.` and `..` resolved.
function resolved(path,    parts, count, kept, depth, i, whole) {
  count = split(path, parts, "/")
  depth = 0
  for (i = 1; i <= count; ++i) {
    if (parts[i] == "" || parts[i] == ".") continue
    if (parts[i] == ".." && depth > 0) --depth
    else kept[++depth] = parts[i]
  }
  whole = kept[1]
  for (i = 2; i <= depth; ++i) whole = whole "/" kept[i]
  return whole
}

# Where `target`, as a link of this file has it, leads in the site.
function target_in_site(target,    parts) {
  if (target ~ /^[a-z]+:/) return target
  if (target ~ /^#/) return "@ref page-" name "-" substr(target, 2)
  if (target ~ /\.md$/) return target
  if (split(target, parts, "#") == 2 && parts[1] ~ /\.md$/) {
    return "@ref page-" name_of(resolved(folder parts[1])) "-" parts[2]
  }
  return "files/" resolved(folder target)
}

function with_links_into_site(line,    out, target) {
  out = ""
  while (match(line, /\]\([^) ]+\)/)) {
    target = substr(line, RSTART + 2, RLENGTH - 3)
    out = out substr(line, 1, RSTART + 1) target_in_site(target) ")"
    line = substr(line, RSTART + RLENGTH)
  }
  return out line
}

# The anchor that a forge gives a heading.
function anchor_of(heading,    anchor) {
  anchor = tolower(heading)
  sub(/^#+ */, "", anchor)
  gsub(/[^a-z0-9 _-]/, "", anchor)
  gsub(/ /, "-", anchor)
  if (anchor in used) return anchor "-" used[anchor]++
  used[anchor] = 1
  return anchor
}

FNR == 1 {
  file = FILENAME
  root = ENVIRON["WOLFRAMITE_ROOT"] "/"
  if (index(file, root) == 1) file = substr(file, length(root) + 1)
  folder = file
  sub(/[^\/]*$/, "", folder)
  name = name_of(file)
  # README.md is the main page, which has a label.
  if (/^# / && file != "README.md") $0 = $0 " {#page-" name "}"
}
/^ *```/ { in_code = !in_code }
in_code { print; next }
/^##+ / { $0 = $0 " {#page-" name "-" anchor_of($0) "}" }
{ print with_links_into_site($0) }
