# wt shell integration: wt switch, and wt <project> <branch>, change the directory of this shell
wt() {
  case "${1-}" in
    # Commands that never do, and nothing at all.
    @STAYING@ | '')
      command wt "$@"
      return
      ;;
  esac
  local __wt_file __wt_code __wt_directory
  __wt_file=$(mktemp "${TMPDIR:-/tmp}/wt-directive.XXXXXXXX") || { command wt "$@"; return; }
  WT_DIRECTIVE_FILE=$__wt_file WT_SHELL_SESSION=$$ command wt "$@"
  __wt_code=$?
  # The added x keeps newlines at the end of a path from being dropped.
  __wt_directory=$(cat -- "$__wt_file" && printf x)
  __wt_directory=${__wt_directory%x}
  command rm -f -- "$__wt_file"
  if [ -n "$__wt_directory" ]; then
    cd -- "$__wt_directory" || return 7
  fi
  return "$__wt_code"
}
