// The shells' side of completion: each hands the words so far to `wt __complete` and shows the lines it gets back.
// A line is `candidate<TAB>description`; the words before the cursor come as arguments, the last one being completed.
import type { Shell } from "./shells.ts";

export function completionScript(shell: Shell): string {
  return scripts[shell];
}

const bash = String.raw`# completion of wt for bash
_wt_complete() {
  local current line candidates=()
  current=${"${COMP_WORDS[COMP_CWORD]}"}
  while IFS= read -r line; do
    [ -n "$line" ] && candidates+=("${"${line%%$'\\t'*}"}")
  done < <(command wt __complete -- "${"${COMP_WORDS[@]:1:COMP_CWORD}"}" 2>/dev/null)
  if [ "${"${#candidates[@]}"}" -eq 1 ] && [ "${"${candidates[0]}"}" = ":directories" ]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -d -- "$current"))
    return
  fi
  if [ "${"${#candidates[@]}"}" -eq 1 ] && [ "${"${candidates[0]}"}" = ":commands" ]; then
    COMPREPLY=($(compgen -c -- "$current"))
    return
  fi
  COMPREPLY=("${"${candidates[@]}"}")
}
complete -F _wt_complete wt worldtree
`;

const zsh = String.raw`#compdef wt worldtree
# completion of wt for zsh
_wt_complete() {
  local line
  local -a candidates
  while IFS= read -r line; do
    case $line in
      :directories) _directories; return ;;
      :commands) _command_names -e; return ;;
      '') ;;
      *) candidates+=("${"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}"}") ;;
    esac
  done < <(command wt __complete -- "${"${(@)words[2,CURRENT]}"}" 2>/dev/null)
  _describe wt candidates
}
if [ "$funcstack[1]" = "_wt" ]; then
  _wt_complete "$@"
elif (( $+functions[compdef] )); then
  compdef _wt_complete wt worldtree
fi
`;

const fish = String.raw`# completion of wt for fish
function __wt_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in (command wt __complete -- $words[2..-1] 2>/dev/null)
    switch $line
      case ':directories'
        __fish_complete_directories (commandline -ct)
      case ':commands'
        __fish_complete_command
      case '*'
        echo $line
    end
  end
end
complete -c wt -f -a '(__wt_complete)'
complete -c worldtree -f -a '(__wt_complete)'
`;

const scripts: Record<Shell, string> = { bash, zsh, fish };
