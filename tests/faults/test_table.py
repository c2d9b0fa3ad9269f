"""The table, without a lab: it is what the document shows, and it names every fault and every phase."""
import table
from harm import HARM
from stage import PHASES


def test_the_document_shows_the_table():
    assert table.split_document()[1] == table.markdown(table.read()), "write it anew: tests/faults/run --document"


def test_every_fault_and_phase_is_in_it():
    rows = table.read()
    assert {row.fault for row in rows} == set(HARM)
    assert {row.phase for row in rows} == set(PHASES)
    assert len({row.name for row in rows}) == len(rows), "a row is there twice"
