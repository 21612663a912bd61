#compdef wt worldtree
# completion of wt for zsh
_wt_complete() {
  local line
  local -a candidates
  while IFS= read -r line; do
    case $line in
      :directories) _directories; return ;;
      :commands) _command_names -e; return ;;
      '') ;;
      *) candidates+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
    esac
  done < <(command wt __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
  _describe wt candidates
}
if [ "$funcstack[1]" = "_wt" ]; then
  _wt_complete "$@"
elif (( $+functions[compdef] )); then
  compdef _wt_complete wt worldtree
fi
