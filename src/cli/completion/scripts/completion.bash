# completion of wt for bash
_wt_complete() {
  local current line candidates=()
  current=${COMP_WORDS[COMP_CWORD]}
  while IFS= read -r line; do
    [ -n "$line" ] && candidates+=("${line%%$'\t'*}")
  done < <(command wt __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [ "${#candidates[@]}" -eq 1 ] && [ "${candidates[0]}" = ":directories" ]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -d -- "$current"))
    return
  fi
  if [ "${#candidates[@]}" -eq 1 ] && [ "${candidates[0]}" = ":commands" ]; then
    COMPREPLY=($(compgen -c -- "$current"))
    return
  fi
  COMPREPLY=("${candidates[@]}")
}
complete -F _wt_complete wt worldtree
