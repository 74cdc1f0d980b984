"""Approval and retries through the deployed stack: pictures wait for a person, and are bought again if they differ."""

from io import BytesIO

from PIL import Image, ImageDraw

from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import Folder
from tests.e2e.test_eventbridge import put_event

SQUARE = 256


def test_event_rejects_the_picture_without_an_alarm(folder: Folder) -> None:
    folder.drop("red.jpg", folder.instructions | {"approval": "required"})
    job = folder.wait_for_status("red.jpg", "review")
    decision = {"job_id": job["job_id"], "n": 1, "by": "ann@example.com", "sha256": job["reviews"][0]["sha256"]}
    put_event(folder.stack, decision, kind="Image Rejected", source="shop.review")
    job = folder.wait_for_status("red.jpg", "rejected")
    review = job["reviews"][0]
    assert (review["decision"], review["by"], review["event_source"]) == (
        "rejected",
        '"ann@example.com" (claimed by shop.review)',
        "shop.review",
    )
    assert job["cost"]["usd"] > 0
    assert folder.pictures("red.jpg") == []
    (event,) = eventually(
        lambda: [one for one in folder.events("red.jpg") if one["detail-type"] == "Image Failed"], "its event"
    )
    assert [error["code"] for error in event["detail"]["errors"]] == ["rejected"]
    assert [one for one in folder.stack.queue("DeadLetterQueueUrl").messages() if job["job_id"] in one.body] == []


def test_picture_whose_product_differs_is_bought_again(folder: Folder) -> None:
    photo = Image.new("RGBA", (SQUARE, SQUARE))
    draw = ImageDraw.Draw(photo)
    draw.ellipse((40, 40, 216, 216), fill=(190, 60, 50, 255))
    for x in range(60, 200, 9):
        draw.line((x, 70, x + 14, 190), fill=(240, 220, 190, 255), width=3)
    file = BytesIO()
    photo.save(file, "PNG")
    folder.put("red.png.json", '{"prompt": "on the moon, retried", "subject": {"otherwise": "retry", "retries": 1}}')
    folder.put("red.png", file.getvalue())
    job = folder.wait_until_stored("red.png")
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["answered", "answered"]
    assert any(warning.startswith("retried") for warning in job["warnings"])
    assert len(folder.charges("on the moon, retried")) == 2
    assert len(job["results"]) == 1
