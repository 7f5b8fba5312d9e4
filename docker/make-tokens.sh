# Makes the tokens that are missing, each NAME:ROLE:FILE: its hash into the file that
# REPLAY_SERVER_TOKENS names, itself into FILE. What is there stays as it is.
set -eu
umask 077
for wanted in "$@"; do
    name=${wanted%%:*}
    file=${wanted##*:}
    role=${wanted#*:}
    role=${role%%:*}
    if [ -s "$file" ] && grep -qs "^$name " "$REPLAY_SERVER_TOKENS"; then
        continue
    fi
    # One without the other is what an end amid this left behind.
    if [ -e "$REPLAY_SERVER_TOKENS" ]; then
        sed -i "/^$name /d" "$REPLAY_SERVER_TOKENS"
    fi
    replay-server token --role "$role" --name "$name" > "$file.new"
    case $(stat -c %A "${file%/*}") in
        d???r-x*) chmod g+r "$file.new" ;; # a folder that is open to its group
    esac
    mv "$file.new" "$file"
    echo "made the token of $name ($role): $file"
done
