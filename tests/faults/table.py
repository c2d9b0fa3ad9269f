"""The table of faults: read for the tests, and written into docs/failures.md, which shows it."""
import os
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, "table.txt")
DOCUMENT = os.path.join(os.path.dirname(os.path.dirname(HERE)), "docs/failures.md")
BEGIN, END = "<!-- tests/faults/table.txt begins -->", "<!-- it ends -->"

MARKS = {"": 0, "*": 1, "+": 2}  # how often a row is run: with all, by tests/faults/run, by ./check, too


@dataclass(frozen=True)
class Row:
    mark: int
    fault: str
    phase: str
    move: str           # "live-local": the kind, and where the disk is
    ends: tuple         # states of which the migration ends in one
    guest: str          # "source running": where the guest is then, and how
    operator: str       # what has to be done by hand; "-": nothing
    does: str

    @property
    def name(self) -> str:
        return f"{self.fault}/{self.phase}/{self.move}"


def read(path: str = TABLE) -> list[Row]:
    rows = []
    with open(path) as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                mark, fault, phase, move, ends, guest, operator, does = (word.strip() for word in line.split("|"))
                rows.append(Row(MARKS[mark], fault, phase, move, tuple(ends.split(", ")), guest, operator, does))
    return rows


def markdown(rows: list[Row]) -> str:
    lines = ["| fault | phase | move | ends as | the guest | operator | what Godwit sees and does |", "|---|---|---|---|---|---|---|"]
    lines += [f"| {r.fault} | {r.phase} | {r.move} | {', '.join(r.ends)} | {r.guest} | {r.operator} | {r.does} |" for r in rows]
    return "\n".join(lines) + "\n"


def split_document() -> tuple[str, str, str]:
    """What is before the table, the table, and what is after it."""
    with open(DOCUMENT) as f:
        before, rest = f.read().split(BEGIN + "\n")
    shown, after = rest.split(END)
    return before, shown, after


def write_document() -> None:
    before, _, after = split_document()
    with open(DOCUMENT, "w") as f:
        f.write(f"{before}{BEGIN}\n{markdown(read())}{END}{after}")
