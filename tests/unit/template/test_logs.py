"""Logs in the template: their retention, and saved queries that match the lines that the code writes."""

import ast
import re
from pathlib import Path

import pytest

from tests.unit.template_document import Deployed, Node

ROOT = Path(__file__).parents[3]
KEPT_DAYS = 30
# What Powertools adds to a line, what Lambda writes itself (LogFormat JSON), and what Logs Insights adds to each line.
OF_POWERTOOLS = {"level", "message", "function_name", "exception", "exception_name"}
OF_LAMBDA = {
    "type",
    "record.status",
    "errorMessage",
    *(f"record.metrics.{n}" for n in ("initDurationMs", "durationMs")),
}
OF_INSIGHTS = {"@timestamp", "@log"}
WORDS = {
    *("filter", "fields", "sort", "limit", "stats", "by", "as", "asc", "desc", "in", "or", "and", "not", "like"),
    *("count", "sum", "max", "pct", "ispresent", "bin"),
}


def list_queries() -> dict[str, Node]:
    """The saved queries' properties by their names."""
    found = Deployed().of_type("AWS::Logs::QueryDefinition").values()
    return {query["Name"]: query for query in found}


def list_query_fields(query: str) -> set[str]:
    """Returns the fields that a query uses."""
    bare = re.sub(r'"[^"]*"|^#.*$', "", query, flags=re.MULTILINE)
    own = set(re.findall(r"\bas (\w+)", bare))
    return {word for word in re.findall(r"(?<!\w)@?[a-zA-Z][\w.]*", bare) if word not in WORDS | own}


def list_logged_fields() -> set[str]:
    """Returns the fields that the functions log."""
    code = [*ROOT.glob("functions/*/*.py"), *ROOT.glob("layers/backdrop/**/*.py")]
    calls = [node for path in code for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    logged = [call for call in calls if re.search(r"\blogger\.(info|warning|append_keys)\(", ast.unparse(call))]
    return {word.arg for call in logged for word in call.keywords if word.arg}


def list_logged_messages() -> set[str]:
    """Returns the messages that the functions log."""
    code = [*ROOT.glob("functions/*/*.py"), *ROOT.glob("layers/backdrop/**/*.py")]
    return {text for path in code for text in re.findall(r'logger\.info\(\s*"([^"]+)"', path.read_text())}


QUERIES = list_queries()


def test_saved_queries_are_in_a_folder_with_the_stacks_name() -> None:
    expected = {
        *("one job's history", "errors, and why", "slowest calls"),
        *("throttles by provider", "money by job", "cold starts"),
    }
    assert {*QUERIES} == {f"backdrop/{name}" for name in expected}
    page = (ROOT / "docs/operating.md").read_text()
    assert [name for name in expected if f"\n| {name} | " not in page] == []


@pytest.mark.parametrize("name", QUERIES)
def test_query_uses_fields_that_the_lines_have(name: str) -> None:
    used = list_query_fields(QUERIES[name]["QueryString"])
    assert used
    assert used <= OF_POWERTOOLS | OF_LAMBDA | OF_INSIGHTS | list_logged_fields()


@pytest.mark.parametrize("name", QUERIES)
def test_query_filters_for_lines_that_the_code_writes(name: str) -> None:
    looked_for = re.findall(r'message (?:= |in \[)("[^\]\n|]+")', QUERIES[name]["QueryString"])
    assert {text for found in looked_for for text in re.findall(r'"([^"]+)"', found)} <= list_logged_messages()


@pytest.mark.parametrize("name", QUERIES)
def test_query_reads_the_logs_of_this_stack(name: str) -> None:
    groups = Deployed().of_type("AWS::Logs::LogGroup")
    assert {*QUERIES[name]["LogGroupNames"]} <= {*groups}


def test_errors_query_reads_the_log_of_every_function() -> None:
    groups = Deployed().of_type("AWS::Logs::LogGroup")
    assert {*QUERIES["backdrop/errors, and why"]["LogGroupNames"]} == {*groups}


def test_every_function_has_its_own_log_for_a_month() -> None:
    stack = Deployed()
    groups = stack.of_type("AWS::Logs::LogGroup")
    functions = stack.of_type("AWS::Serverless::Function")
    written = {query["FunctionName"]: query["LoggingConfig"] for query in functions.values()}
    for name, config in written.items():
        assert config["LogFormat"] == "JSON"
        group = groups[config["LogGroup"]]
        assert group == {"LogGroupName": f"/aws/lambda/{name}", "RetentionInDays": KEPT_DAYS}
    assert len(groups) == len(functions)


def test_pages_state_how_long_logs_are_kept() -> None:
    for page in ("deploying.md", "operating.md"):
        assert f"kept for {KEPT_DAYS} days" in " ".join((ROOT / "docs" / page).read_text().split())
