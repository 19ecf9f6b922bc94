# Prints what fish offers for each line: complete.fish SCRIPT LINE...
source $argv[1]
for line in $argv[2..]
    echo "== $line"
    complete -C $line
end
