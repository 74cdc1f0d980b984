"""What a signature carries, how large it is, and what becomes of a file that cannot be signed."""

import time
from dataclasses import replace
from io import BytesIO
from statistics import median

import pytest
from PIL import Image

from backdrop.deliver.signed_files import Omission
from backdrop.model.capabilities import CAPABILITIES, PROVIDERS
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError, RetryLaterError
from backdrop_credentials.manifest import MODEL_NAMES, SERVICE_NAMES
from backdrop_credentials.reading import FileVerdict, read_credentials
from backdrop_credentials.signing import MAX_MANIFEST_BYTES
from backdrop_credentials.structure import read_store
from tests.signing_pki import (
    FakeKms,
    Issued,
    build_chain,
    build_issuers,
    build_keys,
    build_leaf_key,
    build_signer,
    to_pem,
)
from tests.simulated.stage_worlds import build_job
from tests.unit.credentials.signed_files import FORMATS, add_store, build_facts, build_file, sign

ROOTS = to_pem(build_issuers()[:1])
PROMPT = "on a marble table, " * 105
"""Nearly as long as a prompt may be."""


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("with_paid_credentials", [False, True])
def test_signature_adds_at_most_what_was_measured(file_format: str, with_paid_credentials: bool) -> None:
    paid_file = sign() if with_paid_credentials else build_file()
    signature = build_signer().prepare(build_facts(file_format, paid_file)).measure()
    data = build_file(file_format, side=300)
    signed = signature.sign(data)
    assert read_credentials(signed, ROOTS).verdict is FileVerdict.TRUSTED
    assert signature.added_bytes - 100 <= len(signed) - len(data) <= signature.added_bytes
    assert with_paid_credentials or signature.added_bytes <= MAX_MANIFEST_BYTES


@pytest.mark.parametrize("file_format", FORMATS)
def test_provider_credentials_become_part_of_the_manifest(file_format: str) -> None:
    claims = read_credentials(sign(paid_file=sign(file_format))).claims
    assert claims
    assert claims.ingredients[1] == "File from Ideogram (with Content Credentials: trusted)"


def test_preview_in_provider_credentials_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("backdrop_credentials.library._PLAIN_SETTINGS", {"verify": {"verify_after_sign": False}})
        paid_file = sign(data=build_file(side=200))
    store = read_store(paid_file, is_ours=True)
    signature = build_signer().prepare(build_facts(paid_file=paid_file)).measure()
    assert signature.omissions == ()
    assert len(store) > 100_000
    assert len(store) < signature.added_bytes < len(store) + 20_000


def test_large_provider_credentials_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backdrop_credentials.signing.MAX_PAID_CREDENTIALS_BYTES", 1_000)
    signature = build_signer().prepare(build_facts(paid_file=sign())).measure()
    assert signature.omissions == (Omission.LARGE_CREDENTIALS,)


@pytest.mark.parametrize("damage", ["pixels", "manifest"])
def test_damaged_provider_credentials_are_left_out(damage: str) -> None:
    paid_file = bytearray(sign())
    paid_file[-20 if damage == "pixels" else 2_000] ^= 1
    signature = build_signer().prepare(build_facts(paid_file=bytes(paid_file))).measure()
    assert signature.omissions == (Omission.MISMATCHED_CREDENTIALS,)
    report = read_credentials(signature.sign(build_file()), ROOTS)
    assert report.verdict is FileVerdict.TRUSTED
    assert report.claims
    assert report.claims.ingredients[1] == "File from Ideogram (no Content Credentials included)"


def test_prompt_is_stated_only_on_request() -> None:
    signed, with_prompt = sign(), sign(signer=build_signer(states_prompt=True))
    assert b"marble" not in signed
    claims = read_credentials(with_prompt, ROOTS).claims
    assert claims
    assert claims.prompt == "on a marble table"


@pytest.mark.parametrize("rsa_bits", [0, 2048, 4096])
def test_long_prompt_is_left_out_rather_than_exceeding_the_limit(rsa_bits: int) -> None:
    signer = build_signer(build_keys(build_chain(rsa_bits=rsa_bits)), states_prompt=True)
    signature = signer.prepare(build_facts(prompt=PROMPT)).measure()
    signed = signature.sign(build_file())
    claims = read_credentials(signed).claims
    assert claims
    assert signature.omissions == ((Omission.PROMPT,) if claims.prompt is None else ())
    assert rsa_bits == 0 or signature.omissions
    assert len(signed) - len(build_file()) <= MAX_MANIFEST_BYTES + (1024 if rsa_bits == 4096 else 0)


def test_picture_with_a_byte_limit_does_not_carry_large_provider_credentials() -> None:
    signature = build_signer().prepare(build_facts("jpg", sign(), output={"max_bytes": 40_000})).measure()
    assert signature.omissions == (Omission.CREDENTIALS_OVER_MAX_BYTES,)
    assert signature.added_bytes < 16_000


@pytest.mark.parametrize(
    ("maker", "operation", "action"),
    [
        ("runware", "replace", "Background generated by Ideogram 3.0 through Runware"),
        ("ideogram", "remove", "Background removed by Ideogram's background remover"),
        (None, "replace", "Background generated by a generative AI model"),
    ],
)
def test_maker_of_the_paid_file_is_named(maker: str | None, operation: str, action: str) -> None:
    """Also if the job itself is in another provider's lane."""
    job = build_job(operation=operation, provider="segmind", instructions={"operation": operation})
    claims = read_credentials(sign(job=job, maker=maker)).claims
    assert claims
    assert claims.actions[1] == f"c2pa.edited: {action}"


def test_every_provider_and_its_models_are_named() -> None:
    assert SERVICE_NAMES.keys() == {*PROVIDERS}
    assert MODEL_NAMES.keys() == CAPABILITIES.keys()


def test_own_subject_and_layout_are_actions() -> None:
    output = {"width": 800, "height": 600, "background": "#ffffff", "trim": True}
    claims = read_credentials(sign("webp", has_own_subject=True, output=output)).claims
    assert claims
    assert claims.actions[3:] == [
        "c2pa.edited: The photo's own product composited into the picture",
        "c2pa.edited: Laid out as WEBP, in 800×600, trimmed, with a background",
    ]


def test_configured_source_type_is_stated() -> None:
    claims = read_credentials(sign(signer=build_signer(source_term="trainedAlgorithmicMedia"))).claims
    assert claims
    assert claims.source_types == ["trainedAlgorithmicMedia"]


def test_same_claims_have_the_same_hash_in_every_release() -> None:
    hashes = {build_signer(release=release).prepare(build_facts()).claims_sha256 for release in ("1.0.0", "2.0.0")}
    other = build_signer(states_prompt=True).prepare(build_facts()).claims_sha256
    assert len(hashes) == 1
    assert other not in hashes


@pytest.mark.parametrize("certificates", [build_chain(rsa_bits=4096), "no certificate"])
def test_certificate_does_not_decide_whether_a_picture_is_signed_again(certificates: list[Issued] | str) -> None:
    """Also if the prompt no longer fits."""
    facts = build_facts(prompt=PROMPT)
    before, after = (build_signer(build_keys(chain), states_prompt=True) for chain in (None, certificates))
    assert before.prepare(facts).claims_sha256 == after.prepare(facts).claims_sha256


def test_picture_is_not_signed_again_when_less_is_known_of_the_providers_file() -> None:
    signer, facts = build_signer(), build_facts(paid_file=sign())
    known, unknown = signer.prepare(facts), signer.prepare(replace(facts, maker=None, paid_file=None))
    assert known.claims_sha256 == unknown.claims_sha256


def test_bad_key_makes_the_message_return() -> None:
    keys = build_keys(kms=FakeKms(build_leaf_key(), refusal=ValueError("broken")))
    with pytest.raises(ValueError, match="broken"):
        sign(signer=build_signer(keys))
    with pytest.raises(RetryLaterError) as caught:
        sign(signer=build_signer(build_keys("nothing")))
    assert caught.value.code is Code.SIGNING_FAILED
    with pytest.raises(RetryLaterError) as caught:
        sign(signer=build_signer(build_keys(build_chain(), key_pem="nothing")))
    assert caught.value.code is Code.SIGNING_FAILED


def test_file_that_alone_cannot_be_signed_does_not_blame_the_key() -> None:
    with pytest.raises(ResultError) as caught:
        sign(data=b"no picture")
    assert caught.value.code is Code.OUTPUT_NOT_MADE
    with pytest.raises(ResultError) as caught:
        sign(data=add_store(add_store(build_file(), b""), b""))
    assert caught.value.code is Code.OUTPUT_NOT_MADE


def test_statement_that_the_library_refuses_does_not_blame_the_key() -> None:
    with pytest.raises(ResultError) as caught:
        sign(signer=build_signer(states_prompt=True), prompt="\ud800")
    assert caught.value.code is Code.OUTPUT_NOT_MADE


def test_signing_takes_at_most_60_ms() -> None:
    """Processor time for a provider's unsigned file with 4 megapixels, without KMS: the key is in this process."""
    picture = Image.effect_noise((2048, 2048), 20).convert("RGB")
    file = BytesIO()
    picture.save(file, "WEBP", quality=90)
    data, durations = file.getvalue(), []
    signer, facts = build_signer(), build_facts("webp", paid_file=data)
    for _ in range(9):
        started = time.process_time()
        signer.prepare(facts).measure().sign(data)
        durations.append(time.process_time() - started)
    assert median(durations) <= 0.06
