"""An end-to-end test counts the metrics that were written since it began, whenever they reached the log."""

import json
from typing import Any, override

from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.folder import Folder
from tests.e2e.log_polling import sum_metrics


class LoggedStack(DeployedStack):
    """A stack whose log contains only these lines. They arrived just now."""

    def __init__(self, *lines: str) -> None:
        self.name, self.lines = "shop", lines

    @override
    def read_log(self, function: str, since: float = 0) -> list[str]:
        return [*self.lines] if function == "deliver" else []


def build_line(at: float, **fields: Any) -> str:
    metric = {"Namespace": "Backdrop", "Dimensions": [["service", "provider"]], "Metrics": [{"Name": "Completed"}]}
    facts = {"service": "shop", "provider": "ideogram", "Completed": [1.0]} | fields
    return json.dumps({"_aws": {"Timestamp": int(at * 1000), "CloudWatchMetrics": [metric]}} | facts)


def open_folder(*lines: tuple[float, dict[str, Any]]) -> Folder:
    """Returns the folder of a test. The times of these lines are in seconds since the test began."""
    folder = Folder(LoggedStack(), "mine")
    folder.stack = LoggedStack(
        *(build_line(folder.started_at + at, **fields) for at, fields in lines), "no metric at all"
    )
    return folder


def test_lines_from_before_a_test_are_not_counted() -> None:
    folder = open_folder((-1, {}), (0, {}), (5, {"Completed": [1.0, 1.0]}))
    assert sum_metrics(folder) == {frozenset({("provider", "ideogram")}): {"Completed": 3}}


def test_other_dimensions_are_another_metric() -> None:
    folder = open_folder((1, {"provider": "runware"}), (1, {"service": "another stack"}))
    assert sum_metrics(folder) == {frozenset({("provider", "runware")}): {"Completed": 1}}
