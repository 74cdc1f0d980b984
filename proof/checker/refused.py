"""What people are told of refused requests: it stays beside what becomes of the photo for another reason."""

from proof.checker.books import Plain


def of_refused_requests(before: Plain | None, after: Plain) -> frozenset[tuple[str, str]]:
    """By variant the codes of those that were told before and are told still."""
    earlier = [(one["code"], one["first_seen"]) for one in (before["problems"] if before else ())]
    kept = [one for one in after["problems"] if (one["code"], one["first_seen"]) in earlier and _is_of_request(one)]
    return frozenset((str(one["variant"]), str(one["code"])) for one in kept)


def _is_of_request(problem: Plain) -> bool:
    return problem["origin"] == "request"
