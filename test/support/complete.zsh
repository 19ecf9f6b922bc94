# Prints what zsh offers for each line: complete.zsh DIRECTORY-OF-_rmq LINE...
# Completion needs a line editor, so a second zsh runs this file on a terminal of its own and notes what it would list.
if [[ -n $NOTES ]]; then
  PROMPT= LISTMAX=100000
  stty -echo cols 500
  setopt no_list_ambiguous
  fpath=($SCRIPTS $fpath)
  autoload -Uz compinit
  compinit -u -D
  bindkey '^U' kill-whole-line
  bindkey '^I' complete-word
  zstyle ':completion:*' verbose yes
  zstyle ':completion:*' list-separator ''
  completed() {
    print -r -- completed
    comppostfuncs=(completed)
  }
  comppostfuncs=(completed)
  zmodload zsh/zutil
  compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
      builtin compadd "$@"
      return
    fi
    local -a words shown
    local -i at=$@[(I)-d] index
    local name
    if (( at )); then
      name=$@[at+1]
      if [[ $name == \(* ]]; then eval "shown=$name"; else shown=("${(@P)name}"); fi
    fi
    builtin compadd -A words -D shown "$@"
    for (( index = 1; index <= $#words; index++ )); do
      print -r -- "$words[index]"$'\t'"$shown[index]" >>$NOTES
    done
    builtin compadd "$@"
  }
  print -r -- started
  return
fi

zmodload zsh/zpty || exit
export SCRIPTS=$1 NOTES=$(mktemp)
shift
zpty shell zsh -f -i
zpty -w shell "source ${0:A}"
zpty -r shell seen '*started*'
for line; do
  print -r -- "== $line" >>$NOTES
  zpty -w -n shell $'\x15'"$line"$'\t'
  zpty -r shell seen '*completed*'
done
zpty -d shell
cat $NOTES
rm -f $NOTES
