"""The charges of a statement in a temporary database, so that a million of them need little memory."""

import sqlite3
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import fields
from operator import attrgetter

from backdrop.aws.items import to_sortable_timestamp
from backdrop.model.image_request import ImageRequest
from backdrop_cli.operate.spend import SpendTotal
from backdrop_cli.statement.charges import Charge

_COLUMNS = tuple(field.name for field in fields(Charge) if field.name != "campaign")
_read_values = attrgetter(*_COLUMNS)
_PLACEHOLDERS = ", ".join("?" * len(_COLUMNS))
_ORDER = "day, submitted_at, job_id, attempt_no, unknown"
# A campaign's request causes the calls from then on, until another campaign requests the same job.
_CAMPAIGN = """
    coalesce(
        (
            SELECT request.campaign FROM request
            WHERE request.job_id = charge.job_id AND request.requested_at <= charge.submitted_at
            ORDER BY request.requested_at DESC, request.campaign
            LIMIT 1
        ),
        ''
    )
"""


class ChargeStore:
    """Collects charges and the campaigns' requests in any order, and returns the charges in the order of their calls.

    SQLite keeps the database in memory while it is small, and else in a file that it deletes.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        # `group` is a keyword of SQL.
        database.execute(f"CREATE TABLE charge ({', '.join(map('"{}"'.format, _COLUMNS))})")
        database.execute("CREATE TABLE request (job_id TEXT, requested_at TEXT, campaign TEXT)")

    def add_charge(self, charge: Charge) -> None:
        values = _read_values(charge)
        self._database.execute(f"INSERT INTO charge VALUES ({_PLACEHOLDERS})", values)  # noqa: S608 - only placeholders

    def add_request(self, request: ImageRequest) -> None:
        """Adds the jobs that a campaign requested; ignores other requests."""
        if request.campaign:
            requested_at = to_sortable_timestamp(request.requested_at)
            rows = [(job_id, requested_at, request.campaign) for job_id in request.jobs.values()]
            self._database.executemany("INSERT INTO request VALUES (?, ?, ?)", rows)

    def find_campaigns(self) -> None:
        """Assigns each charge to the latest campaign that requested its job before the call; call it last."""
        self._database.execute("CREATE INDEX request_of_job ON request (job_id, requested_at)")
        self._database.execute("ALTER TABLE charge ADD COLUMN campaign TEXT DEFAULT ''")
        self._database.execute(f"UPDATE charge SET campaign = {_CAMPAIGN}")  # noqa: S608 - a constant
        self._database.execute(f"CREATE INDEX charge_order ON charge ({_ORDER})")

    def list_charges(self, *, unknown: bool | None = None, limit: int = -1) -> Iterator[Charge]:
        """Yields all charges, or only the unknown ones, or only the others, by day and time."""
        condition = {None: "", True: "WHERE state <> ''", False: "WHERE state = ''"}[unknown]
        query = f"SELECT * FROM charge {condition} ORDER BY {_ORDER} LIMIT ?"  # noqa: S608 - constants
        return (Charge(*row) for row in self._database.execute(query, (limit,)))

    def sum_by(self, column: str) -> dict[str, SpendTotal]:
        """Returns the totals by one of the charges' columns, in the order of its values."""
        # A call with two amounts, such as a certain and an unknown one, counts once.
        query = f"""
            SELECT {column}, count(DISTINCT CASE WHEN charged + unknown > 0 THEN job_id || ' ' || attempt_no END),
                sum(charged), sum(unknown)
            FROM charge GROUP BY {column} ORDER BY {column}
        """  # noqa: S608 - names of columns
        return {key: SpendTotal(*amounts) for key, *amounts in self._database.execute(query)}

    def sum_undecided(self) -> tuple[int, int]:
        """Returns the least and the most micro-dollars that the undecided charges cost together.

        They differ only if some of a group's charges belong to another month.
        """
        query = """
            SELECT coalesce(sum(max(0, charged - (total - listed))), 0), coalesce(sum(min(charged, listed)), 0) FROM (
                SELECT sum(unknown) AS listed, max(group_charged_count * image_price) AS charged,
                    max(group_count * image_price) AS total
                FROM charge WHERE "group" <> '' GROUP BY "group"
            )
        """
        return self._database.execute(query).fetchone()

    def sum_open(self) -> int:
        """Returns the micro-dollars of the charges about which nothing is known."""
        query = "SELECT coalesce(sum(unknown), 0) FROM charge WHERE \"group\" = ''"
        return self._database.execute(query).fetchone()[0]

    def count_states(self) -> Counter[str]:
        """Returns the numbers of charges by the state of what is, or was, unknown; those of "" were never unknown."""
        return Counter(dict(self._database.execute("SELECT state, count(*) FROM charge GROUP BY state")))


@contextmanager
def open_charge_store() -> Generator[ChargeStore]:
    """Opens a store that exists only during the block."""
    database = sqlite3.connect("")
    try:
        yield ChargeStore(database)
    finally:
        database.close()
