"""What the instructions say about the product in the picture: the model of `subject`."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from backdrop.instructions.values import UnitShare, coerce_whole_number, to_lowercase
from backdrop.model.fidelity import MAX_RETRIES, RETRY

SubjectMask = Annotated[Literal["buy"], BeforeValidator(to_lowercase)]
SubjectPixels = Annotated[Literal["own", "provider"], BeforeValidator(to_lowercase)]
Otherwise = Annotated[Literal["deliver", "review", "retry"], BeforeValidator(to_lowercase)]
RetryCount = Annotated[int, BeforeValidator(coerce_whole_number), Field(ge=1, le=MAX_RETRIES)]


class SubjectModel(BaseModel):
    """How much the product in a new picture must resemble the photo's, and whose pixels show it."""

    model_config = ConfigDict(extra="forbid", title="Subject")

    min: UnitShare | None = Field(
        None,
        description="The fidelity score, 0 to 1, from which the product counts as the same. By default 0.9. A picture "
        "below it is delivered with the warning `product_changed`.",
        examples=[0.9],
    )
    mask: SubjectMask | None = Field(
        None,
        description="`buy`: buys a cut-out of the photo as a mask, once for all its variants, unless the photo is "
        "transparent or has a cut-out.",
    )
    pixels: SubjectPixels | None = Field(
        None,
        description="`own`: the new background at the photo's full size, with the photo's own product in front of it. "
        "`provider` (the default): the provider's picture as it is.",
    )
    otherwise: Otherwise | None = Field(
        None,
        description="What follows if the product in the picture differs from the photo's. `deliver` (the default): the "
        "picture is delivered with a warning. `review`: it waits until a person approves or rejects it, also if it "
        "could not be compared. `retry`: it is bought again from the same provider, and the best one is delivered.",
    )
    retries: RetryCount | None = Field(
        None,
        description="With `otherwise: retry`, how many more times the picture may be bought: 1 (the default) to 3. You "
        "pay for each, and quotes count all of them.",
        examples=[2],
    )

    @model_validator(mode="after")
    def _validate_retries(self) -> Self:
        if self.retries is not None and self.otherwise != RETRY:
            raise ValueError('retries has no effect without "otherwise": "retry"; add it, or remove retries')
        return self


# None: not given.
Subject = Annotated[
    SubjectModel | None,
    Field(
        description="For `replace`: how much the product must resemble the photo's, whose pixels show it, and what "
        "follows if it differs. All need a mask: a photo that is transparent around its subject, a variant that cuts "
        "it out, or `mask`.",
        examples=[{"min": 0.95}, {"pixels": "own", "mask": "buy"}, {"otherwise": "retry", "retries": 2}],
    ),
]
