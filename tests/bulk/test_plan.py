import io
import json

import pytest

from bulk.entries import Entry
from bulk.index import Index
from bulk.manifest import Manifest
from bulk.output import Output
from bulk.plan import Plan, SameId
from bulk.results import Results, name_of


@pytest.fixture
def planned(tmp_path):
    """Of ids, one a line (None: a broken line), with an index that has a completed and failed."""
    output = Output(str(tmp_path / "out"), tmp_path)
    index = Index(output, tmp_path)

    def make(*ids, **more):
        lines = ["oops" if one is None else json.dumps({"audio": "a", "id": one}) for one in ids]
        content = "\n".join(lines).encode()
        source = Manifest(lambda: io.BytesIO(content), "/")
        return Plan(source, index, Results(output), **more)

    with output.opened():
        index.add(Entry(1, "completed", "done"))
        index.add(Entry(1, "failed", "failed"))
        output.write(name_of("done"), ["{}"])
        yield make
    index.close()


def ids(plan):
    return [line.id for line in plan.to_do()]


def test_what_is_done_or_failed_is_not_to_do(planned):
    plan = planned("new", "done", None, "failed", "newer")
    assert ids(plan) == ["new", "newer"]
    found = plan.survey()
    assert (found.total, found.to_do, found.done, found.failed, found.broken) == (5, 2, 1, 1, 1)


def test_failed_and_done_ones_when_asked(planned):
    assert ids(planned("done", "failed", retry_failed=True)) == ["failed"]
    assert ids(planned("done", "failed", overwrite=True)) == ["done", "failed"]


def test_a_result_that_was_removed_is_to_do(planned, tmp_path):
    (tmp_path / "out" / name_of("done")).unlink()
    assert ids(planned("done")) == ["done"]
    assert ids(planned("done", checks_results=False)) == []


def test_the_same_id_twice_is_told_with_both_lines(planned):
    with pytest.raises(SameId, match="'b' on lines 2 and 4"):
        planned("a", "b", None, "b").survey()
    with pytest.raises(SameId, match="'a' on lines 1 and 11; and 5 more"):
        planned(*["a"] * 16).survey()


def test_entries_are_those_of_the_lines_in_their_order(planned):
    entries = list(planned("failed", None, "unknown", "done").entries())
    assert [(one.line, one.id) for one in entries] == [(1, "failed"), (2, None), (4, "done")]
    assert entries[1].error_code == "broken_line"
    assert entries[1].error == "line 2: it is not JSON in UTF-8"
