"""Where the time of an import goes."""

from benchmarks.start_up import import_table, imports


def test_time_is_counted_where_it_is_spent() -> None:
    found = {name: count for name, _, count in imports("shared.errors")}
    assert found["shared"] == 2
    assert found["the standard library"] > found["shared"]


def test_the_rest_is_one_line() -> None:
    rows = [(f"package{number}", 1.0, 2) for number in range(20)]
    lines = import_table("m", rows).splitlines()
    assert lines[-2].split() == ["6", "others", "6.0", "12"]
    assert lines[-1].split() == ["in", "all", "20.0", "40"]
    assert len({len(line) for line in lines}) == 1
