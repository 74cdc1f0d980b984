"""Writes docs/reference.md from the code: `python docs/make_reference.py` (a test checks that it is up to date)."""

from pathlib import Path
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from backdrop.aws.meter import UNITS, Metric  # noqa: TID251  their names alone, for the page
from backdrop.core.capability import ADDRESSED, CAPABILITIES, MAX_PHOTO_BYTES
from backdrop.core.codes import End
from backdrop.core.layout import MAX_SOURCE_KEY_BYTES
from backdrop.core.meanings import CODES
from backdrop.core.money import PRICE_LIST_DATE, REMOVE_PER_INPUT, REPLACE_PER_IMAGE, usd_text
from backdrop.core.places import MAX_SIDECAR_BYTES
from backdrop.core.styles import PRESETS
from backdrop.core.wish import Wish

PAGE = Path(__file__).parent / "reference.md"
ENDS = {
    End.REFUSED: "refused: the uploader can mend it",
    End.DEAD: "dead: the operator or the provider must",
    End.HELD: "held: a person must decide about money",
    End.WAITING: "waits, and goes by itself",
}
METRICS = {
    Metric.ACCEPTED: ("provider, operation", "A job was put into its lane."),
    Metric.COMPLETED: ("provider, operation", "A job was stored."),
    Metric.FAILED: ("code, provider, operation", "A job ended badly; for a photo that never had a job, by code alone."),
    Metric.PAID_WITHOUT_RESULT: ("–", "Money was spent, or may have been, and no picture came of it; has an alarm."),
    Metric.DEAD_LETTERED: ("code, provider", "An operator must look: a dead job; by code alone, a damaged message."),
    Metric.LOST_ANSWERS: ("provider, operation", "A call was sent and its answer was lost."),
    Metric.PROVIDER_LATENCY: ("provider, operation", "How long a call took."),
    Metric.THROTTLED: ("provider, operation", "The provider's rate limit refused a call."),
    Metric.THROTTLED_SECONDS: ("provider, operation", "How long a job waited for that limit."),
    Metric.HANDED_BACK: ("code", "A message went back into its queue, to come again later."),
    Metric.SET_RIGHT: ("part", "What a run of reconcile looked at or brought on its way again."),
    Metric.UNEXPECTED_ERROR: ("–", "A bug; the log has it, and the message comes again."),
}


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def fields() -> str:
    """Every field of a sidecar, with what it takes."""
    described = Wish.model_json_schema()["properties"]
    return table(
        ("field", "takes", "meaning"),
        [(f"`{name}`", _takes(schema), str(schema["description"])) for name, schema in described.items()],
    )


def _takes(schema: dict[str, Any]) -> str:
    """What a field's schema admits, in few words."""
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    return " or ".join(_kind(kind) for kind in kinds)


def _kind(kind: dict[str, Any]) -> str:
    if "oneOf" in kind:
        return " or ".join(_kind(one) for one in kind["oneOf"])
    if "enum" in kind:
        return " ".join(f"`{word}`" for word in kind["enum"])
    if kind["type"] == "array":
        return "a list of these" if "enum" in kind["items"] else "a list of texts"
    if "maximum" in kind:
        return f"a whole number, {kind['minimum']:,} to {kind['maximum']:,}"
    return {"string": "text", "number": "a number", "object": "an object"}[kind["type"]]


def providers() -> str:
    """What each provider can express."""
    columns = list(CAPABILITIES)
    rows = [(f"`{name}`", *(str(CAPABILITIES[column].get(name, "–")) for column in columns)) for name in ADDRESSED]
    return table(("field", *(f"{provider} {operation}" for provider, operation in columns)), rows)


def prices() -> str:
    """The price list."""
    rows = [
        (provider, "replace", speed, f"{usd_text(price)} per picture")
        for provider, speeds in REPLACE_PER_IMAGE.items()
        for speed, price in speeds.items()
    ]
    rows += [(provider, "remove", "–", f"{usd_text(price)} per photo") for provider, price in REMOVE_PER_INPUT.items()]
    return table(("provider", "operation", "rendering_speed", "price"), rows)


def codes() -> str:
    """Every error code with its end and what to do."""
    rows = [(f"`{code}`", ENDS[facts.end], facts.meaning, facts.hint) for code, facts in CODES.items()]
    return table(("code", "the job", "what happened", "what to do"), rows)


def metrics() -> str:
    """Every metric with its unit, its dimensions and what it counts."""
    rows = [
        (f"`{metric}`", UNITS.get(metric, MetricUnit.Count).value, METRICS[metric][0], METRICS[metric][1])
        for metric in Metric
    ]
    return table(("metric", "unit", "dimensions", "what it counts"), rows)


def page() -> str:
    """The whole reference."""
    presets = ", ".join(f"`{preset.lower()}`" for preset in PRESETS)
    return f"""# Reference

This page is written from the code by `python docs/make_reference.py`; do not edit it.

## Fields of a sidecar

A sidecar is a JSON object in UTF-8 of at most {MAX_SIDECAR_BYTES:,} bytes beside its photo: `red.jpg.json`, else
`red.json`. The same fields, save `metadata`, can be object tags. Field by field the sidecar wins over the tags;
`operation` and `prompt` are taken from one place together, and so are the style fields.

{fields()}

## What each provider takes

A photo is JPEG, PNG or WebP of at most {MAX_PHOTO_BYTES:,} bytes; its key has at most {MAX_SOURCE_KEY_BYTES} bytes.

{providers()}

## Prices

List prices of {PRICE_LIST_DATE}. Receipts say for each job what was charged.

{prices()}

## Style presets

{presets}

Any spelling that has the same letters and digits is understood: `Golden Hour`, `golden-hour`, `GOLDEN_HOUR`. A style
code is eight hexadecimal digits, such as `AAFF5733`.

## Error codes

The same codes stand in error reports, metrics, dead letters and events.

{codes()}

## Metrics

In the CloudWatch namespace `Backdrop`; each also has the dimension `service`, the function that counted it.

{metrics()}
"""


if __name__ == "__main__":
    PAGE.write_text(page())
