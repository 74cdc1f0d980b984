"""How a deployment stands, where it is no whole stack: what that means and what to do, in one sentence."""

_WHY = "`aws cloudformation describe-stack-events --stack-name {name}` says why"
_FAILED = f"could not be made ({{status}}); {_WHY}; then `sam delete --stack-name {{name}}`, and deploy it again"
_WORDS = {
    "REVIEW_IN_PROGRESS": "is only planned ({status}): nobody agreed to its change set; deploy it again",
    "CREATE_IN_PROGRESS": "is still being made ({status}); wait for it with `aws cloudformation wait "
    "stack-create-complete --stack-name {name}`",
    "CREATE_FAILED": _FAILED,
    "ROLLBACK_IN_PROGRESS": _FAILED,
    "ROLLBACK_COMPLETE": _FAILED,
    "ROLLBACK_FAILED": _FAILED,
    "DELETE_IN_PROGRESS": "is being deleted ({status}); its buckets and its ledger stay",
    "DELETE_FAILED": f"is deleted in part ({{status}}); {_WHY}; then `sam delete --stack-name {{name}}` again",
}


def half_made(name: str, status: str) -> str | None:
    """Why nothing can be done with a stack of this status; None where it can, also while it is being updated."""
    words = _WORDS.get(status)
    return f"the stack {name} {words.format(name=name, status=status)}" if words else None
