"""The names of a stack: parameters, outputs, secrets, alarms, and metrics."""

from backdrop.aws.metric_names import Metric
from tests.golden.golden import Golden
from tests.unit.template_document import ALL_ON, Deployed, read_template

TEXT_FIELDS = {"Description", "ConstraintDescription"}


def test_every_parameter_keeps_its_declaration(golden: Golden) -> None:
    parameters = read_template()["Parameters"].items()
    golden.check(
        "parameters",
        {
            name: {key: value for key, value in declaration.items() if key not in TEXT_FIELDS}
            for name, declaration in parameters
        },
    )


def test_stack_keeps_its_outputs_secrets_and_alarms(golden: Golden) -> None:
    default, all_on = Deployed(), Deployed(**ALL_ON, AlarmEmail="ops@example.com")
    secrets = [secret["Name"] for secret in all_on.of_type("AWS::SecretsManager::Secret").values()]
    alarms = [alarm["AlarmName"] for alarm in all_on.of_type("AWS::CloudWatch::Alarm").values()]
    golden.check(
        "outputs",
        {
            "by default": sorted(default.outputs),
            "with all providers on": sorted(all_on.outputs),
            "secrets": sorted(secrets),
            "alarms": sorted(alarms),
        },
    )


def test_every_metric_keeps_its_unit_and_dimensions(golden: Golden) -> None:
    golden.check(
        "metrics", {metric.value: {"unit": metric.unit.value, "dimensions": metric.dimensions} for metric in Metric}
    )
