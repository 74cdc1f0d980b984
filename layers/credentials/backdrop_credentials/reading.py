"""Reads what a file's Content Credentials state, and whether that holds."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from io import BytesIO
from typing import Any

import c2pa

from backdrop.deliver.manifest import JOB_LABEL, PROMPT_PARAMETER
from backdrop.imaging.formats.header import ImageFormatError
from backdrop_credentials.library import build_context
from backdrop_credentials.structure import StructureError, check_structure, has_remains

SIGNER_PREFIXES, UNTRUSTED_SUFFIX = ("signingCredential.", "cawg."), ".untrusted"
"""Codes about a signer alone, for example that of the picture, or of an identity that a manifest states (CAWG)."""
EXPIRED_CODES = frozenset({"signingCredential.expired", "claimSignature.outsideValidity"})
"""The file is unchanged, but nothing in it proves that the certificate was valid when it signed. The library does not
say whether a trusted root vouches for such a certificate."""
_REMOTE_ERROR = "Remote:"
_ACTIONS_LABEL = "c2pa.actions"


class FileVerdict(StrEnum):
    """What a file's Content Credentials show."""

    NONE = "none"
    REMOTE = "remote"
    TRUSTED = "trusted"
    NOT_TRUSTED = "not_trusted"
    EXPIRED = "expired"
    CHANGED = "changed"
    DAMAGED = "damaged"

    @property
    def has_credentials(self) -> bool:
        """Whether there are some in the file, as far as it can be read."""
        return self not in (FileVerdict.NONE, FileVerdict.REMOTE)

    @property
    def is_unchanged(self) -> bool:
        """Whether the credentials prove that the file is as it was when it was signed."""
        return self in (FileVerdict.TRUSTED, FileVerdict.NOT_TRUSTED, FileVerdict.EXPIRED)


@dataclass(frozen=True)
class Claims:
    """What a signer states. `ingredients`: titles, and whether their own credentials held when they were added."""

    signer: str
    generator: str
    signed_at: str | None
    actions: Sequence[str] = ()
    source_types: Sequence[str] = ()
    ingredients: Sequence[str] = ()
    job: Mapping[str, Any] = field(default_factory=dict[str, Any])
    prompt: str | None = None


@dataclass(frozen=True)
class FileReport:
    """`reasons`: what the verdict is based on, in the words of the C2PA specification or of the library.

    `findings`: the fields with which an ingredient states what the library found in this file.
    """

    verdict: FileVerdict
    reasons: Sequence[str] = ()
    claims: Claims | None = None
    findings: Mapping[str, Any] = field(default_factory=dict[str, Any])


def read_credentials(data: bytes, trusted_pem: str = "") -> FileReport:
    """Reads a file without calling other servers. `trusted_pem`: the root certificates that are trusted.

    A file whose credentials are elsewhere, or that has none, is not accused of anything.
    """
    try:
        with c2pa.Reader(None, BytesIO(data), context=build_context(trusted_pem)) as reader:
            store: dict[str, Any] = json.loads(reader.json())
    except c2pa.C2paError as error:
        # pyrefly: ignore[missing-attribute]  # the library adds it when it loads
        is_missing = isinstance(error, c2pa.C2paError.ManifestNotFound)
        is_remote = str(error).startswith(_REMOTE_ERROR)
        if not (is_missing or is_remote):
            return FileReport(FileVerdict.DAMAGED, [str(error)])
        if has_remains(data):
            return FileReport(FileVerdict.DAMAGED, ["parts of a manifest are in the file, but cannot be found as one"])
        return FileReport(FileVerdict.REMOTE, [str(error)]) if is_remote else FileReport(FileVerdict.NONE)
    claims = _read_claims(store)
    codes = list(list_failures(store["validation_results"]))
    try:
        check_structure(data, is_ours=bool(claims and claims.job))
    except StructureError as error:
        return FileReport(FileVerdict.CHANGED, [*codes, str(error)], claims)
    except ImageFormatError as error:
        return FileReport(FileVerdict.DAMAGED, [f"the file {error}"], claims)
    findings = {name: store[name] for name in ("active_manifest", "validation_results") if name in store}
    return FileReport(judge(codes), sorted(set(codes)), claims, findings)


def list_failures(results: Mapping[str, Any]) -> Iterator[str]:
    """Returns the codes of what fails. An ingredient may have failed before it was added, but not changed since.

    Only who vouches for an ingredient's signer may be judged differently than when the ingredient was added.
    """
    yield from (one["code"] for one in results["activeManifest"]["failure"])
    for ingredient in results.get("ingredientDeltas", []):
        codes = [one["code"] for one in ingredient["validationDeltas"]["failure"]]
        yield from (code for code in codes if not _is_about_signer(code) and code not in EXPIRED_CODES)


def _is_about_signer(code: str) -> bool:
    return code.startswith(SIGNER_PREFIXES) or code.endswith(UNTRUSTED_SUFFIX)


def judge(failure_codes: Iterable[str]) -> FileVerdict:
    codes = {*failure_codes}
    if {code for code in codes if not _is_about_signer(code)} - EXPIRED_CODES:
        return FileVerdict.CHANGED
    if codes & EXPIRED_CODES:
        return FileVerdict.EXPIRED
    return FileVerdict.NOT_TRUSTED if codes else FileVerdict.TRUSTED


def _read_claims(store: Mapping[str, Any]) -> Claims | None:
    """Returns None if the claims are so damaged that the library does not show them.

    The library has checked the form of actions and ingredients, but not of what Backdrop adds to a manifest.
    """
    manifest = store["manifests"].get(store["active_manifest"])
    if manifest is None:
        return None
    signature = manifest.get("signature_info", {})
    [generator, *_] = manifest.get("claim_generator_info") or [{"name": manifest.get("claim_generator", "unknown")}]
    assertions = manifest.get("assertions", [])
    actions = [
        action
        for assertion in assertions
        if assertion["label"].startswith(_ACTIONS_LABEL)
        for action in assertion["data"].get("actions", [])
    ]
    jobs = (one["data"] for one in assertions if one["label"] == JOB_LABEL)
    prompts = ((one.get("parameters") or {}).get(PROMPT_PARAMETER) for one in actions)
    names = [signature.get("common_name"), signature.get("issuer")]
    return Claims(
        signer=", ".join(name for name in names if name) or "unknown",
        generator=f"{generator.get('name', 'unknown')} {generator.get('version', '')}".rstrip(),
        signed_at=signature.get("time"),
        actions=[_describe_action(action) for action in actions],
        source_types=[*_list_source_types(actions)],
        ingredients=[_describe_ingredient(one) for one in manifest.get("ingredients", [])],
        job=next((job for job in jobs if isinstance(job, dict)), {}),
        prompt=next((prompt for prompt in prompts if isinstance(prompt, str)), None),
    )


def _describe_action(action: Mapping[str, Any]) -> str:
    name = str(action["action"])
    return f"{name}: {action['description']}" if action.get("description") else name


def _list_source_types(actions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for action in actions:
        if source_type := action.get("digitalSourceType"):
            yield str(source_type).rpartition("/")[2]


def _describe_ingredient(ingredient: Mapping[str, Any]) -> str:
    title = str(ingredient.get("title", "unnamed"))
    if "active_manifest" not in ingredient:
        return f"{title} (no Content Credentials included)"
    results = ingredient.get("validation_results", {}).get("activeManifest", {})
    failures = [one["code"] for one in results.get("failure", [])]
    return f"{title} (with Content Credentials: {judge(failures).value})"
