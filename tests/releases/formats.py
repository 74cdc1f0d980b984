"""The stored formats of this tree, one line for each field and each value that a field may have.

The lines cover what no sample has: every code, every reason for a pause, and every field of a rare state.
"""

from collections.abc import Iterator, Mapping
from typing import Any, override

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import PlainValidatorFunctionSchema

from backdrop.model.circuit import ProviderHealth
from backdrop.model.image_request import ImageRequest
from backdrop.model.job import Job, Source
from backdrop.model.provider_result import SpooledAnswer
from backdrop.model.queue_messages import INTAKE_MESSAGES, DeliverMessage, JobMessage, LaneMessage
from backdrop.model.schedule import ReconcileState

MESSAGES = (*INTAKE_MESSAGES, JobMessage, DeliverMessage, LaneMessage)
STORED_RECORDS = (Job, Source, ImageRequest, ProviderHealth, ReconcileState, SpooledAnswer, *MESSAGES)


class _FormatSchema(GenerateJsonSchema):
    """The only type of the product that pydantic cannot describe is `Sentence`, which is stored as a string."""

    @override
    def function_plain_schema(self, schema: PlainValidatorFunctionSchema) -> JsonSchemaValue:
        return {"type": "string"}


def list_format_lines() -> list[str]:
    """Returns lines such as `Job.attempts[].outcome = "lost"`, sorted.

    A line that ends with `is required` names a field without a default: what an earlier release wrote must have it.
    """
    lines = set[str]()
    for record in STORED_RECORDS:
        schema = TypeAdapter(record).json_schema(schema_generator=_FormatSchema)
        lines |= set(_list_lines(schema, record.__name__, schema.get("$defs", {})))
    return sorted(lines)


def _list_lines(schema: Mapping[str, Any], path: str, definitions: Mapping[str, Any]) -> Iterator[str]:
    if reference := schema.get("$ref"):
        yield from _list_lines(definitions[reference.rpartition("/")[2]], path, definitions)
    for alternative in (*schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from _list_lines(alternative, path, definitions)
    values = [schema["const"]] if "const" in schema else schema.get("enum", [])
    for value in values:
        yield f"{path} = {value!r}"
    if schema.get("type") == "object":
        for name, field in schema.get("properties", {}).items():
            yield from _list_lines(field, f"{path}.{name}", definitions)
        yield from (f"{path}.{name} is required" for name in schema.get("required", ()))
        if isinstance(entries := schema.get("additionalProperties"), dict):
            yield from _list_lines(entries, f"{path}.*", definitions)
        elif entries:
            yield f"{path}.*: anything"
    elif schema.get("type") == "array":
        yield from _list_lines(schema.get("items", {}), f"{path}[]", definitions)
    elif "type" in schema and not values:
        yield f"{path}: {schema.get('format', schema['type'])}"
