"""Any edit of any tree, held against a plain dictionary of files."""

from hypothesis import given
from hypothesis import strategies as st

from shared.git.objects import Kind, decode_tree, name_of
from shared.git.paths import Edits, plan
from shared.git.trees import apply, differing

Files = dict[str, bytes]


class Memory:
    """Objects in a dictionary, and which of them were read."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.reads: list[str] = []

    def read(self, sha: str, kind: Kind) -> bytes:
        self.reads.append(sha)
        return self.objects[sha]

    def require(self, shas: list[str]) -> None:
        assert all(sha in self.objects for sha in shas)

    def add(self, kind: Kind, data: bytes) -> str:
        sha = name_of(kind, data)
        self.objects[sha] = data
        return sha

    def files(self, tree: str | None, folder: str = "") -> Files:
        found: Files = {}
        for name, entry in decode_tree(self.objects[tree]).items() if tree else ():
            path = folder + name.decode()
            if entry.is_folder:
                found |= self.files(entry.sha, f"{path}/")
            else:
                found[path] = self.objects[entry.sha]
        return found


def expected(files: Files, edits: Edits) -> Files:
    """What the edits mean, in a few words."""
    after = dict(files)
    for path, content in edits.items():
        for old in [old for old in after if old == path or old.startswith(f"{path}/")]:
            del after[old]
        new = {f"{path}/{name}": data for name, data in content.items()} if isinstance(content, dict) else {}
        if isinstance(content, bytes):
            new = {path: content}
        for name in new:
            for parent in [old for old in after if name.startswith(f"{old}/")]:
                del after[parent]
        after |= new
    return after


def apart(paths: list[str]) -> bool:
    return not any(a != b and b.startswith(f"{a}/") for a in paths for b in paths)


paths = st.lists(st.sampled_from(["a", "b", "a-b", "é"]), min_size=1, max_size=4).map("/".join)
contents = st.sampled_from([b"", b"1", b"2"])
trees = st.dictionaries(paths, contents, max_size=8).filter(lambda files: apart(list(files)))
edits_ = st.dictionaries(paths, st.none() | contents | trees, max_size=4).filter(lambda edits: apart(list(edits)))


@given(before=trees, edits=edits_)
def test_any_edit_of_any_tree(before: Files, edits: Edits) -> None:
    """The result is what the edits say; the same files have one name, however they came about; nothing else is told."""
    memory = Memory()
    tree = apply(memory, None, plan(before))
    assert memory.files(tree) == before
    after = apply(memory, tree, plan(edits))
    assert memory.files(after) == expected(before, edits)
    assert after == apply(memory, None, plan(expected(before, edits)))
    assert bool(set(differing(memory, tree, plan(edits)))) == (after != tree)
    assert set(differing(memory, after, plan(edits))) == set()
    assert apply(memory, after, plan(edits)) == after


def test_only_the_folders_on_the_way_are_read() -> None:
    """Neither neighbours nor the old content of a folder that is replaced."""
    memory = Memory()
    files = {f"env/{name}/applications/app-{n}/values.yaml": b"1" for name in ("dev", "qa") for n in range(9)}
    tree = apply(memory, None, plan(files))
    memory.reads.clear()
    apply(memory, tree, plan({"env/dev/applications": {"app-0/values.yaml": b"2"}}))
    assert len(set(memory.reads)) == 3
