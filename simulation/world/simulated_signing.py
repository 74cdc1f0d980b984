"""The function `sign` in memory, and a deliver that invokes it."""

import json
from typing import TYPE_CHECKING, Any

from backdrop.aws.functions import Function
from backdrop.deliver.signed_files import SignedFiles, Signing
from backdrop.deliver.signing_messages import SigningRequest
from backdrop.model.codec import to_json, validate
from backdrop_credentials.service import SigningService
from simulation.world.simulated_lambda import InvokedFunction
from simulation.world.world_services import WorldBootstrap

if TYPE_CHECKING:
    from backdrop_credentials.signing import PictureSigner
    from simulation.world.simulated_stack import World

SIGN = "sign"


def turn_on_signing(world: "World", signer: "PictureSigner") -> None:
    """Deploys sign with a key, and deliver with the same parameters."""
    bootstrap = WorldBootstrap(world)
    service = SigningService(bootstrap.ledger, bootstrap.output_bucket, signer)
    world.lambda_service.functions[SIGN] = build_handler(service)
    signing = Signing(Function(world.lambda_service, SIGN), signer.source_term, signer.states_prompt)  # pyrefly: ignore[bad-argument-type]  # a fake of boto3's client
    world.deliver.pictures.signed_files = SignedFiles(bootstrap.output_bucket, signing)


def turn_off_signing(world: "World") -> None:
    """Deletes sign, and deploys deliver without it."""
    world.lambda_service.functions.pop(SIGN, None)
    world.deliver.pictures.signed_files = SignedFiles(WorldBootstrap(world).output_bucket, None)


def build_handler(service: SigningService) -> InvokedFunction:
    def handle(event: dict[str, Any]) -> dict[str, Any]:
        return json.loads(to_json(service.answer(validate(SigningRequest, event))))

    return handle
