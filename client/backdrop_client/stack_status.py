"""Messages for stacks that are not fully deployed: what the status means, and what to do."""

_EVENTS_HINT = "`aws cloudformation describe-stack-events --stack-name {name}` shows why"
_CREATE_FAILED_MESSAGE = (
    f"could not be created ({{status}}); {_EVENTS_HINT}; run `sam delete --stack-name {{name}}`, then deploy again"
)
_STATUS_MESSAGES = {
    "REVIEW_IN_PROGRESS": "is only planned ({status}): its change set was not executed; deploy it again",
    "CREATE_IN_PROGRESS": "is still being created ({status}); wait for it with `aws cloudformation wait "
    "stack-create-complete --stack-name {name}`",
    "CREATE_FAILED": _CREATE_FAILED_MESSAGE,
    "ROLLBACK_IN_PROGRESS": _CREATE_FAILED_MESSAGE,
    "ROLLBACK_COMPLETE": _CREATE_FAILED_MESSAGE,
    "ROLLBACK_FAILED": _CREATE_FAILED_MESSAGE,
    "DELETE_IN_PROGRESS": "is being deleted ({status}); its buckets and its ledger are kept",
    "DELETE_FAILED": f"is partly deleted ({{status}}); {_EVENTS_HINT}; run `sam delete --stack-name {{name}}` again",
}


def describe_unusable_stack(name: str, status: str) -> str | None:
    """Returns why a stack of this status cannot be used; None if it can, even while it is being updated."""
    message = _STATUS_MESSAGES.get(status)
    return f"the stack {name} {message.format(name=name, status=status)}" if message else None
