// The shell function around wt. Commands that may change the directory get a fresh file in WT_DIRECTIVE_FILE (see directive.ts); the rest run as they are.
import { completionScript } from "./completion-script.ts";
import type { Shell } from "./shells.ts";

export function shellInitScript(shell: Shell, options: { aliases: boolean }): string {
  const parts = [shell === "fish" ? fishFunction : posixFunction, completionScript(shell)];
  if (options.aliases) parts.push(shell === "fish" ? fishAliases : posixAliases);
  return parts.join("\n");
}

const posixFunction = String.raw`# wt shell integration: wt switch changes the directory of this shell
wt() {
  case " $* " in
    *" switch "* | *" delete "* | *" rm "*) ;;
    *)
      command wt "$@"
      return
      ;;
  esac
  local __wt_file __wt_code __wt_directory
  __wt_file=$(mktemp "${"${TMPDIR:-/tmp}"}/wt-directive.XXXXXXXX") || { command wt "$@"; return; }
  WT_DIRECTIVE_FILE=$__wt_file WT_SHELL_SESSION=$$ command wt "$@"
  __wt_code=$?
  # The added x keeps newlines at the end of a path from being dropped.
  __wt_directory=$(cat -- "$__wt_file" && printf x)
  __wt_directory=${"${__wt_directory%x}"}
  command rm -f -- "$__wt_file"
  if [ -n "$__wt_directory" ]; then
    cd -- "$__wt_directory" || return 7
  fi
  return "$__wt_code"
}
`;

const posixAliases = `alias wl='wt list'
alias wstart='wt up'
alias wstop='wt down'
alias wr='wt restart'
alias wclean='wt delete'
`;

const fishFunction = String.raw`# wt shell integration: wt switch changes the directory of this shell
function wt
  if not string match -qr ' (switch|delete|rm) ' -- " $argv "
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
`;

const fishAliases = `alias wl 'wt list'
alias wstart 'wt up'
alias wstop 'wt down'
alias wr 'wt restart'
alias wclean 'wt delete'
`;
