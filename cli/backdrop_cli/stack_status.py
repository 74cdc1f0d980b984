"""How a deployment stands, where it is no whole stack: what that means and what to do, in one sentence."""

_EVENTS_HINT = "`aws cloudformation describe-stack-events --stack-name {name}` says why"
_CREATE_FAILED_MESSAGE = (
    f"could not be made ({{status}}); {_EVENTS_HINT}; then `sam delete --stack-name {{name}}`, and deploy it again"
)
_STATUS_MESSAGES = {
    "REVIEW_IN_PROGRESS": "is only planned ({status}): nobody agreed to its change set; deploy it again",
    "CREATE_IN_PROGRESS": "is still being made ({status}); wait for it with `aws cloudformation wait "
    "stack-create-complete --stack-name {name}`",
    "CREATE_FAILED": _CREATE_FAILED_MESSAGE,
    "ROLLBACK_IN_PROGRESS": _CREATE_FAILED_MESSAGE,
    "ROLLBACK_COMPLETE": _CREATE_FAILED_MESSAGE,
    "ROLLBACK_FAILED": _CREATE_FAILED_MESSAGE,
    "DELETE_IN_PROGRESS": "is being deleted ({status}); its buckets and its ledger stay",
    "DELETE_FAILED": f"is deleted in part ({{status}}); {_EVENTS_HINT}; then `sam delete --stack-name {{name}}` again",
}


def describe_unusable_stack(name: str, status: str) -> str | None:
    """Why nothing can be done with a stack of this status; None where it can, also while it is being updated."""
    message = _STATUS_MESSAGES.get(status)
    return f"the stack {name} {message.format(name=name, status=status)}" if message else None
