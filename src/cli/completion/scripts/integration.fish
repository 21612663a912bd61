# wt shell integration: wt switch, and wt <project> <branch>, change the directory of this shell
function wt
  # Commands that never do, and nothing at all.
  if contains -- "$argv[1]" @STAYING@ ''
    command wt $argv
    return
  end
  set -l base /tmp
  set -q TMPDIR; and set base $TMPDIR
  set -l file (mktemp "$base/wt-directive.XXXXXXXX")
  or begin
    command wt $argv
    return
  end
  WT_DIRECTIVE_FILE=$file WT_SHELL_SESSION=$fish_pid command wt $argv
  set -l code $status
  set -l directory (cat -- $file | string collect --no-trim-newlines)
  command rm -f -- $file
  if test -n "$directory"
    cd -- $directory; or return 7
  end
  return $code
end
