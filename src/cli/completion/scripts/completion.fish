# completion of wt for fish
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
