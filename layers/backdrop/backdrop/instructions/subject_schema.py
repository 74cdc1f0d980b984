"""What the instructions say about the product in the picture: the model of `subject`."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from backdrop.instructions.values import UnitShare, to_lowercase

SubjectPixels = Annotated[Literal["own", "provider"], BeforeValidator(to_lowercase)]


class SubjectModel(BaseModel):
    """How much the product in a new picture must resemble the photo's, and whose pixels show it."""

    model_config = ConfigDict(extra="forbid", title="Subject")

    min: UnitShare | None = Field(
        None,
        description="The fidelity score, 0 to 1, from which the product counts as the same. By default 0.9. A picture "
        "below it is delivered with the warning `product_changed`.",
        examples=[0.9],
    )
    otherwise: Annotated[Literal["review"], BeforeValidator(to_lowercase)] | None = Field(
        None,
        description="What happens to a picture whose verdict is not `same`. `review`: it waits until a person approves "
        "or rejects it. By default, it is delivered.",
    )
    pixels: SubjectPixels | None = Field(
        None,
        description="`own`: the new background at the photo's full size, with the photo's own product in front of it. "
        "`provider` (the default): the provider's picture as it is.",
    )


# None: not given.
Subject = Annotated[
    SubjectModel | None,
    Field(
        description="For `replace`: how much the product must resemble the photo's, and whose pixels show it. Both "
        "need a photo that is transparent around its subject, or instructions that also cut it out.",
        examples=[{"min": 0.95}, {"pixels": "own"}],
    ),
]
