# Prints what bash offers for each line: complete.bash SCRIPT LINE...
source "$1"
shift
compopt() { wanted+=" $* "; }
for line; do
  printf '== %s\n' "$line"
  # Cut as readline cuts: at blanks, and around = : and @.
  COMP_WORDS=() COMP_LINE=$line COMP_POINT=${#line} wanted=
  while IFS= read -r word; do COMP_WORDS+=("$word"); done < <(printf '%s\n' "$line" | grep -oE '[=:@]+|[^[:blank:]=:@]+')
  [[ $line != *[[:blank:]] ]] || COMP_WORDS+=('')
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  _rmq rmq
  typed=${COMP_WORDS[COMP_CWORD]#=}
  # What readline does by itself when nothing else was offered.
  if ((${#COMPREPLY[@]} == 0)); then
    [[ $wanted != *' -o default '* ]] || mapfile -t COMPREPLY < <(compgen -f -- "$typed")
    [[ $wanted != *' -o dirnames '* ]] || mapfile -t COMPREPLY < <(compgen -d -- "$typed")
  fi
  for word in "${COMPREPLY[@]}"; do printf '%s\t\n' "$word"; done
done
