"""Which of a folder's files was probably meant as a photo's sidecar, though its name is not quite right."""

from collections.abc import Collection

from backdrop.core.layout import Kind, kind_of, sidecars_of
from backdrop.core.places import distance

MOST_EDITS = 2


def near_miss(photo: str, keys: Collection[str]) -> str | None:
    """What to say of the nearest file: `found Red.jpg.json: names are case-sensitive`; None where none is near."""
    wanted = sidecars_of(photo)
    taken = {name for key in keys if kind_of(key) is Kind.PHOTO for name in sidecars_of(key)}
    spare = (key for key in keys if ".json" in key.lower() and kind_of(key) is not Kind.DEFAULTS)
    free = sorted(key for key in spare if key not in taken)
    spelled = {name.lower() for name in wanted}
    for key in free:
        if key.lower() in spelled:
            return f"found {_name(key)}: names are case-sensitive"
    near = next((key for key in free if _edits(key, wanted) <= MOST_EDITS), None)
    return f"found {_name(near)}: it should be {_name(wanted[0])}" if near else None


def _edits(key: str, wanted: Collection[str]) -> int:
    return min(distance(_name(key).lower(), _name(name).lower()) for name in wanted)


def _name(key: str) -> str:
    return key.rpartition("/")[2]
