"""The hooks that Git runs in every repository: Gitea's own checks, the operator's, and a receipt of what was pushed.

Shell, because a push should cost what Git costs. The server tells them what to check in the environment:
`SANDBOX_WRITABLE` (yes or no), `SANDBOX_DEFAULT_BRANCH`, `SANDBOX_RULES` (a line per protection, `push force pattern`),
`SANDBOX_URL` and `SANDBOX_RECEIPT` (the file that receives `old new ref` of each reference that moved).
As in Gitea, an operator's hooks are the executables in `<repository>.git/hooks/pre-receive.d`.
"""

from pathlib import Path

_ZERO = "0" * 40

_PRE_RECEIVE = rf"""#!/bin/sh
refuse() {{
    printf '\nerror:\nerror: %s\nerror:\n' "$1" >&2
    exit 1
}}
input=$(cat)
[ "$SANDBOX_WRITABLE" = yes ] || refuse "User permission denied for writing."
while read -r old new ref; do
    case "$ref" in
        refs/heads/*) branch=${{ref#refs/heads/}} ;;
        refs/for/* | refs/pull/*) refuse "the Gitea stand-in does not cover pull requests" ;;
        *) continue ;;
    esac
    if [ "$new" = {_ZERO} ] && [ "$branch" = "$SANDBOX_DEFAULT_BRANCH" ]; then
        refuse "branch $branch is the default branch and cannot be deleted"
    fi
    while read -r push force pattern; do
        case "$branch" in $pattern) ;; *) continue ;; esac
        [ "$new" != {_ZERO} ] || refuse "branch $branch is protected from deletion"
        if [ "$old" != {_ZERO} ] && [ "$force" = no ] && ! git merge-base --is-ancestor "$old" "$new"; then
            refuse "branch $branch is protected from force push"
        fi
        [ "$push" = yes ] || refuse "Not allowed to push to protected branch $branch"
        break
    done <<RULES
$SANDBOX_RULES
RULES
done <<INPUT
$input
INPUT
for hook in "$GIT_DIR"/hooks/pre-receive.d/*; do
    [ -x "$hook" ] || continue
    printf '%s\n' "$input" | "$hook" || exit 1
done
"""

_POST_RECEIVE = rf"""#!/bin/sh
count=0
dots=
while read -r old new ref; do
    printf '%s %s %s\n' "$old" "$new" "$ref" >>"$SANDBOX_RECEIPT"
    count=$((count + 1))
    dots=$dots.
    case "$ref" in refs/heads/*) branch=${{ref#refs/heads/}} ;; *) continue ;; esac
    if [ "$new" != {_ZERO} ] && [ "$branch" != "$SANDBOX_DEFAULT_BRANCH" ]; then
        printf "\nCreate a new pull request for '%s':\n  %s/pulls/new/%s\n\n" "$branch" "$SANDBOX_URL" "$branch"
    fi
done
printf '%s Processing %s references\nProcessed %s references in total\n' "$dots" "$count" "$count"
"""


def install(directory: Path) -> None:
    """Write the hooks into the directory that `core.hooksPath` names."""
    for name, script in {"pre-receive": _PRE_RECEIVE, "post-receive": _POST_RECEIVE}.items():
        path = directory / name
        path.write_text(script)
        path.chmod(0o755)
