"""The names by which people mean a photo on the command line."""

from backdrop.model.ids import derive_source_id
from backdrop.model.object_keys import ObjectKind, classify_key, photo_key_of
from backdrop_cli.stack import Stack


def resolve_key(stack: Stack, key: str) -> tuple[str, str]:
    """Returns bucket and photo key for a key, `@bucket/key`, `s3://bucket/key`, or the key of a sidecar or picture."""
    bucket, key = _split_key(stack, key)
    if classify_key(key) is ObjectKind.SIDECAR:
        key = photo_key_of(key)
    ledger = stack.redrive_service.ledger
    if ledger.read_photo(derive_source_id(bucket, key))[0] is None:
        photo = key.rpartition("/")[0]
        if photo and ledger.read_photo(derive_source_id(bucket, photo))[0]:
            return bucket, photo
    return bucket, key


def _split_key(stack: Stack, name: str) -> tuple[str, str]:
    """Splits a name; keys of the output bucket begin with the name of their source."""
    name = name.removeprefix(f"s3://{stack.output_bucket}/")
    if name.startswith(("s3://", "@")):
        bucket, _, key = name.removeprefix("s3://").removeprefix("@").partition("/")
        return bucket, key
    return stack.input_bucket, name
