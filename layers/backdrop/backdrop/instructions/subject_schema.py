"""What the instructions say about the product in the picture: the model of `subject`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from backdrop.instructions.values import UnitShare


class SubjectModel(BaseModel):
    """How much the product in a new picture must resemble the photo's."""

    model_config = ConfigDict(extra="forbid", title="Subject")

    min: UnitShare | None = Field(
        None,
        description="The fidelity score, 0 to 1, from which the product counts as the same. By default 0.9. A picture "
        "below it is delivered with the warning `product_changed`.",
        examples=[0.9],
    )


# None: not given.
Subject = Annotated[
    SubjectModel | None,
    Field(
        description="For `replace`: how much the product must resemble the photo's. Backdrop compares them if the "
        "photo is transparent around its subject, or if its instructions also cut it out.",
        examples=[{"min": 0.95}],
    ),
]
