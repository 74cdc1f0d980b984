"""What people are told of refused requests: it stays beside what becomes of the photo for another reason."""

from simulation.invariants.violations import JsonObject


def find_kept_request_refusals(before: JsonObject | None, after: JsonObject) -> frozenset[tuple[str, str]]:
    """By variant the codes of those that were told before and are told still."""
    earlier = [(one["code"], one["first_seen"]) for one in (before["problems"] if before else ())]
    still_reported = [
        one for one in after["problems"] if (one["code"], one["first_seen"]) in earlier and _is_from_request(one)
    ]
    return frozenset((str(one["variant"]), str(one["code"])) for one in still_reported)


def _is_from_request(problem: JsonObject) -> bool:
    return problem["origin"] == "request"
