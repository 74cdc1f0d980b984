"""What a stack can be told and what it tells of itself: parameters, outputs, secrets, alarms, metrics."""

from backdrop.aws.metric_names import Metric
from tests.golden.golden import Golden
from tests.unit.template_document import ALL_ON, Deployed, read_template

SENTENCES = {"Description", "ConstraintDescription"}


def test_a_parameter_keeps_its_name_type_default_and_values(golden: Golden) -> None:
    parameters = read_template()["Parameters"].items()
    golden.holds(
        "parameters",
        {name: {key: value for key, value in told.items() if key not in SENTENCES} for name, told in parameters},
    )


def test_a_stack_keeps_its_outputs_and_the_names_that_people_type(golden: Golden) -> None:
    few, all_on = Deployed(), Deployed(**ALL_ON, AlarmEmail="ops@example.com")
    secrets = [one["Name"] for one in all_on.of_type("AWS::SecretsManager::Secret").values()]
    alarms = [one["AlarmName"] for one in all_on.of_type("AWS::CloudWatch::Alarm").values()]
    golden.holds(
        "outputs",
        {
            "by default": sorted(few.outputs),
            "with all providers on": sorted(all_on.outputs),
            "secrets": sorted(secrets),
            "alarms": sorted(alarms),
        },
    )


def test_a_metric_keeps_its_name_unit_and_dimensions(golden: Golden) -> None:
    golden.holds("metrics", {one.value: {"unit": one.unit.value, "dimensions": one.dimensions} for one in Metric})
