#!/bin/sh
# An OCI runtime for machines whose capability bounding set is not whole: runc refuses a container that asks for a
# capability the machine itself does not have ("unable to apply caps"), and an oom_score_adj below the caller's own.
# Both are taken out of the OCI spec on create and exec; everything else goes to runc untouched.
set -eu

missing='@MISSING@' # JSON list of capability names, filled in when this file is installed
runc='@RUNC@'

spec=
previous=
for argument in "$@"; do
    case "$previous" in
        --bundle | -b) spec="$argument/config.json" ;;
        --process | -p) spec="$argument" ;;
    esac
    case "$argument" in
        --bundle=*) spec="${argument#--bundle=}/config.json" ;;
        --process=*) spec="${argument#--process=}" ;;
    esac
    previous=$argument
done

if [ -n "$spec" ] && [ -f "$spec" ]; then
    jq --argjson missing "$missing" --argjson floor "$(cat /proc/self/oom_score_adj)" '
        def trimmed:
            if .capabilities then .capabilities |= map_values(. - $missing) else . end
            | if .oomScoreAdj != null and .oomScoreAdj < $floor then .oomScoreAdj = $floor else . end;
        if .process then .process |= trimmed else trimmed end
    ' "$spec" >"$spec.trimmed"
    cat "$spec.trimmed" >"$spec" # keeps the file, its owner and its mode
    rm "$spec.trimmed"
fi
exec "$runc" "$@"
