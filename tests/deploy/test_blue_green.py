"""Two sets of serving pods that differ in their colour, of which one has the traffic."""

import json

import pytest

from tests.deploy.manifests import Object, of, pods, rendered

COLOURS = {"blue", "green"}


@pytest.fixture
def objects() -> list[Object]:
    return rendered("blue-green")


def _recoloured(found: Object, colour: str, other: str) -> Object:
    return json.loads(json.dumps(found).replace(colour, other))


def test_the_sets_differ_in_name_and_in_one_label(objects: list[Object]):
    for kind in ("StatefulSet", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget"):
        found = of(objects, kind)
        blue = [o for name, o in found.items() if name.endswith("-blue")]
        green = [o for name, o in found.items() if name.endswith("-green")]
        assert [_recoloured(o, "blue", "green") for o in blue] == green
        assert len(blue) == 1
    labels = {p.owner["metadata"]["name"]: p.labels for p in pods(objects) if p.owner["kind"] == "StatefulSet"}
    assert labels["serving-blue"].items() ^ labels["serving-green"].items() == {("colour", c) for c in COLOURS}


def test_the_service_takes_one_colour_and_would_take_the_other_one_by_that_label_alone(objects: list[Object]):
    selector = of(objects, "Service")["serving"]["spec"]["selector"]
    taken = {p.owner["metadata"]["name"] for p in pods(objects) if selector.items() <= p.labels.items()}
    assert taken == {"serving-blue"}
    switched = {**selector, "colour": "green"}
    taken = {p.owner["metadata"]["name"] for p in pods(objects) if switched.items() <= p.labels.items()}
    assert taken == {"serving-green"}


def test_each_colour_is_selected_budgeted_scaled_and_spread_by_itself(objects: list[Object]):
    for colour in COLOURS:
        name = f"serving-{colour}"
        workload = of(objects, "StatefulSet")[name]
        assert workload["spec"]["selector"]["matchLabels"]["colour"] == colour
        assert of(objects, "PodDisruptionBudget")[name]["spec"]["selector"]["matchLabels"]["colour"] == colour
        assert of(objects, "HorizontalPodAutoscaler")[name]["spec"]["scaleTargetRef"]["name"] == name
        for constraint in workload["spec"]["template"]["spec"]["topologySpreadConstraints"]:
            assert constraint["labelSelector"]["matchLabels"]["colour"] == colour


def test_both_colours_have_the_settings_the_policy_and_the_account_of_the_service(objects: list[Object]):
    (one, other) = (p for p in pods(objects) if p.owner["kind"] == "StatefulSet")
    assert one.spec["serviceAccountName"] == other.spec["serviceAccountName"] == "serving"
    assert one.spec["containers"][0]["envFrom"] == other.spec["containers"][0]["envFrom"]
    policy = of(objects, "NetworkPolicy")["serving"]["spec"]["podSelector"]["matchLabels"]
    assert all(policy.items() <= p.labels.items() for p in (one, other))
