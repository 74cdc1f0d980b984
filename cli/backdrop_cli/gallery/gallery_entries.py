"""Gallery entries as JSON: an image or problem with all texts that the page shows."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from backdrop.model.certificate import Certificate
from backdrop.model.codec import validate
from backdrop.model.fidelity import CannotSayReason, Fidelity, find_min_score, format_score
from backdrop_cli.formatting import (
    format_bytes,
    format_duration,
    format_receipt_usd,
    format_style,
    format_utc,
    format_value,
)
from backdrop_cli.gallery.album import (
    Album,
    Comparison,
    FullSizeLinks,
    GalleryFile,
    MissingReason,
    ReportedProblem,
    ThumbnailLinks,
    count_bought_images,
)

MONEY_TEXTS = {
    "not_spent": "Nothing was charged.",
    "spent": "It was charged.",
    "unknown": "It is unknown whether it was charged.",
}
STATUS_TEXTS = {
    "refused": "refused",
    "dead": "failed",
    "held": "held",
    "paused": "paused",
    "accepted": "waiting",
    "unknown": "being recovered",
}
_PRICE_BASIS_TEXTS = {
    "price_list": "list price",
    "bill": "usage records",
    "reported": "reported by the provider",
    "configured": "configured in the stack",
}
# Labels of fields for which replacing underscores is not enough.
_FIELD_LABELS: Mapping[str, str] = {
    "num_images": "number of images",
    "style_preset": "style",
    "style_codes": "style",
    "seed": "requested seed",
    "max_cost_usd": "maximum cost",
}

_MISSING_TEXTS = {
    MissingReason.GONE: "This version of the {} is no longer in the bucket.",
    MissingReason.ACCESS_DENIED: "S3 denies access to the {}.",
    MissingReason.UNREADABLE: "No preview of the {} is available.",
}

NO_FULL_SIZES: FullSizeLinks = {}

type GalleryEntry = dict[str, Any]
type Fact = tuple[str, str]


def build_comparison_entry(
    comparison: Comparison, album: Album, links: ThumbnailLinks, full_size_links: FullSizeLinks = NO_FULL_SIZES
) -> GalleryEntry:
    """Returns the entry of one image. `photo` is the same for all images of a photo; `image` tells them apart.

    A file's `full` is a URL, "" if the page has only its thumbnail.
    """
    job = comparison.job
    instructions: Mapping[str, Any] = job["instructions"]
    return {
        "kind": "image",
        "id": comparison.picks[0].picture_key,
        "photo": comparison.full_name,
        "name": comparison.name,
        "image": _name_image(comparison),
        "together": bool(album.side_by_side_prefix) and comparison.name.startswith(album.side_by_side_prefix),
        "before": find_thumbnail(comparison.photo, links),
        "before_full": full_size_links.get(comparison.photo, ""),
        "no_before": explain_missing(comparison.photo, links, "photo"),
        "prompt": instructions.get("prompt", ""),
        "tags": list(_list_tags(comparison)),
        "fidelity": describe_fidelity(comparison.fidelity, instructions, comparison.change_map, links),
        "warnings": list(job["warnings"]),
        "provider": job["provider"],
        "maker": format_maker(job["provider"], album.standins),
        "operation": job["operation"],
        "usd": job["cost"]["usd"],
        "at": job["stored_at"] or "",
        "seconds": comparison.duration_seconds,
        "cost": _format_cost(comparison),
        "time": format_duration(comparison.duration_seconds),
        "instructions": group_by_source(job),
        "facts": list(_list_facts(comparison, album)),
        "picks": [[pick.photo_key, pick.picture_key] for pick in comparison.picks],
        "files": [
            _build_file_entry(comparison, result, file, links, full_size_links)
            for result, file in zip(comparison.results, comparison.files, strict=True)
        ],
    }


def _build_file_entry(
    comparison: Comparison,
    result: Mapping[str, Any],
    file: GalleryFile,
    links: ThumbnailLinks,
    full_size_links: FullSizeLinks,
) -> GalleryEntry:
    return {
        "key": result["key"],
        "label": _label_file(comparison, result),
        "output": result["output"] or result["format"].upper(),
        "size": f"{result['width']:,} × {result['height']:,}",
        "about": _describe_file(result),
        "alt": result.get("alt") or result.get("title") or "",
        "width": result["width"],
        "ratio": round(result["width"] / max(result["height"], 1), 4),
        "cut": result["has_alpha"],
        "after": find_thumbnail(file, links),
        "no_after": explain_missing(file, links, "picture"),
        "full": full_size_links.get(file, ""),
        "certificate": _describe_certificate(result),
        "signed": bool(result.get("is_signed")),
    }


def _name_image(comparison: Comparison) -> str:
    """Returns what tells an image apart from the other images of its photo: variant and number, "" if it is alone."""
    return ", ".join(part for part in (comparison.job["variant"], _number_image(comparison)) if part)


def _number_image(comparison: Comparison) -> str:
    count = comparison.image_count
    return f"image {comparison.results[0]['n']} of {count}" if count > 1 else ""


def _label_file(comparison: Comparison, result: Mapping[str, Any]) -> str:
    """Returns what tells a file apart from the other files of its photo: variant, number, and output, or its format."""
    return ", ".join(part for part in (_name_image(comparison), result["output"]) if part) or result["format"].upper()


def _describe_certificate(result: Mapping[str, Any]) -> GalleryEntry | None:
    """Returns the marketplace's name, the verdict, and each check; None if the file has no certificate."""
    if not result.get("certificate"):
        return None
    certificate = validate(Certificate, result["certificate"])
    return {
        "marketplace": certificate.marketplace,
        "verdict": certificate.verdict.value,
        "mark": certificate.verdict.mark,
        "words": certificate.verdict.text,
        "checks": [(check.label, f"{check.verdict.text}: {check.describe()}") for check in certificate.checks],
    }


def describe_fidelity(
    fidelity: Fidelity | None, instructions: Mapping[str, Any], change_map: GalleryFile | None, links: ThumbnailLinks
) -> GalleryEntry | None:
    """Returns the verdict on the image's product with its facts, and its map; None if the image has no verdict."""
    if fidelity is None:
        return None
    min_score = format_score(find_min_score(instructions))
    facts = [("score", f"{fidelity.score_text} (must be at least {min_score})")]
    return {
        "verdict": fidelity.verdict.value,
        "mark": fidelity.verdict.mark,
        "words": fidelity.text,
        "score": fidelity.score,
        "has_mask": fidelity.reason is not CannotSayReason.NO_MASK,
        "reason": f"{fidelity.reason.text[0].upper()}{fidelity.reason.text[1:]}." if fidelity.reason else "",
        "facts": facts if fidelity.score_text else [],
        "map": find_thumbnail(change_map, links),
        "no_map": explain_missing(change_map, links, "map of the changes"),
    }


def build_problem_entry(problem: ReportedProblem, links: ThumbnailLinks) -> GalleryEntry:
    return {
        "kind": "problem",
        "id": f"{problem.full_name} {problem.variant} {problem.code}",
        "name": problem.name,
        "before": find_thumbnail(problem.photo, links),
        "no_before": explain_missing(problem.photo, links, "photo"),
        "variant": problem.variant,
        "status": STATUS_TEXTS.get(problem.status, problem.status),
        "code": problem.code,
        "message": problem.message,
        "hint": problem.hint,
        "money": MONEY_TEXTS.get(problem.money, problem.money),
        "at": problem.first_seen,
        "since": _format_timestamp(problem.first_seen),
    }


def find_thumbnail(file: GalleryFile | None, links: ThumbnailLinks) -> str:
    link = links.get(file, "") if file else ""
    return "" if isinstance(link, MissingReason) else link


def explain_missing(file: GalleryFile | None, links: ThumbnailLinks, noun: str) -> str:
    """Returns why a file is not shown, or "" if it is."""
    link = links.get(file) if file else None
    return _MISSING_TEXTS[link].format(noun) if isinstance(link, MissingReason) else ""


def format_maker(provider: str, standins: Collection[str]) -> str:
    return f"the stand-in for {provider}" if provider in standins else provider


def _format_timestamp(timestamp: str) -> str:
    return format_utc(datetime.fromisoformat(timestamp)) if timestamp else ""


def _list_tags(comparison: Comparison) -> Iterator[str]:
    if comparison.job["variant"]:
        yield comparison.job["variant"]
    if style := format_style(comparison.job["instructions"]):
        yield style
    if number := _number_image(comparison):
        yield number


def _format_cost(comparison: Comparison) -> str:
    """Formats the price of the whole job, which is what was bought."""
    bought_count = count_bought_images(comparison.job)
    return format_receipt_usd(comparison.job["cost"]["usd"]) + (f" for {bought_count}" if bought_count > 1 else "")


def group_by_source(job: Mapping[str, Any]) -> list[tuple[str, list[Fact]]]:
    """Groups the instructions by where they come from; the prompt is shown separately."""
    fields_by_source: dict[str, list[Fact]] = {}
    for name, value in job["instructions"].items():
        if name == "prompt":
            continue
        label = _FIELD_LABELS.get(name, name.replace("_", " "))
        fields_by_source.setdefault(job["provenance"].get(name, ""), []).append((label, _format_field(name, value)))
    return [*fields_by_source.items()]


def _format_field(name: str, value: Any) -> str:
    if name == "operation":
        return "new background" if value == "replace" else "background removed"
    if name == "max_cost_usd":
        return format_receipt_usd(value)
    return format_style({name: value}) or format_value(value)


def _list_facts(comparison: Comparison, album: Album) -> Iterator[Fact]:
    job, result = comparison.job, comparison.results[0]
    yield "Made by", format_maker(job["provider"], album.standins)
    yield "Cost", f"{_format_cost(comparison)}, {explain_price(job)}"
    if job["cost"]["unknown_usd"]:
        yield (
            "Possibly also charged",
            f"{format_receipt_usd(job['cost']['unknown_usd'])}, for a lost answer",
        )
    yield "Time", f"{format_duration(comparison.duration_seconds)} from upload to delivery"
    if job["throttled_seconds"]:
        yield "Waited", f"{format_duration(job['throttled_seconds'])}, for the provider's rate limit"
    yield "Delivered", _format_timestamp(job["stored_at"] or "")
    if len(job["attempts"]) > 1:
        yield "Attempts", str(len(job["attempts"]))
    if result["seed"] is not None:
        yield "Seed", str(result["seed"])
    # Receipts that an earlier release wrote have no texts.
    for label, name in (("Title", "title"), ("Copyright", "copyright")):
        if text := result.get(name):
            yield label, text
    yield "Photo", comparison.full_name


def explain_price(job: Mapping[str, Any]) -> str:
    return "reused from an earlier purchase" if job["reused_from"] else _PRICE_BASIS_TEXTS.get(job["cost"]["basis"], "")


def _describe_file(result: Mapping[str, Any]) -> str:
    return f"{result['format'].upper()}, {result['width']:,} × {result['height']:,}, {format_bytes(result['bytes'])}"
