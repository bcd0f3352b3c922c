"""What one object says of another one is there."""

from tests.deploy.manifests import Object, environment, of, pods, secrets, selects


def test_every_configmap_secret_and_account_that_a_pod_names_exists(objects: list[Object]):
    known = {"configMap": of(objects, "ConfigMap"), "secret": of(secrets(), "Secret")}
    for pod in pods(objects):
        assert pod.spec["serviceAccountName"] in of(objects, "ServiceAccount")
        for container in pod.containers():
            environment(container, objects)  # fails on a name in `envFrom` that is not there
            for variable in container.get("env", ()):
                for kind, found in known.items():
                    if reference := variable.get("valueFrom", {}).get(f"{kind}KeyRef"):
                        keys = found[reference["name"]].get("data") or found[reference["name"]]["stringData"]
                        assert reference["key"] in keys
        for volume in pod.spec["volumes"]:
            assert "secret" not in volume or volume["secret"]["secretName"] in known["secret"]


def test_every_volume_that_is_mounted_exists_and_every_one_that_exists_is_mounted(objects: list[Object]):
    for pod in pods(objects):
        templates = pod.owner["spec"].get("volumeClaimTemplates", ())
        there = {v["name"] for v in pod.spec["volumes"]} | {t["metadata"]["name"] for t in templates}
        assert {m["name"] for c in pod.containers() for m in c["volumeMounts"]} == there


def test_every_workload_selects_its_own_pods_and_no_other_one_does(objects: list[Object]):
    for pod in pods(objects):
        selecting = [
            o["metadata"]["name"]
            for o in objects
            if o["kind"] in {"Deployment", "StatefulSet"} and selects(o["spec"]["selector"], pod.labels)
        ]
        assert selecting == ([] if pod.owner["kind"] == "Job" else [pod.owner["metadata"]["name"]])


def test_every_service_finds_pods_and_a_port_that_they_have(objects: list[Object]):
    for service in of(objects, "Service").values():
        found = [p for p in pods(objects) if service["spec"]["selector"].items() <= p.labels.items()]
        assert found, service["metadata"]["name"]
        for pod in found:
            ports = {port["name"] for c in pod.spec["containers"] for port in c["ports"]}
            assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_every_statefulset_is_governed_by_a_headless_service_of_its_own(objects: list[Object]):
    services = of(objects, "Service")
    for found in of(objects, "StatefulSet").values():
        governing = services[found["spec"]["serviceName"]]
        assert governing["spec"]["clusterIP"] == "None"
        assert governing["spec"]["selector"] == found["spec"]["selector"]["matchLabels"]


def test_the_ingress_leads_to_a_service_by_tls_and_by_a_name_that_the_api_answers_to(objects: list[Object]):
    (ingress,) = of(objects, "Ingress").values()
    (rule,) = ingress["spec"]["rules"]
    (tls,) = ingress["spec"]["tls"]
    backend = rule["http"]["paths"][0]["backend"]["service"]
    ports = of(objects, "Service")[backend["name"]]["spec"]["ports"]
    assert backend["port"]["name"] in {port["name"] for port in ports}
    assert tls["hosts"] == [rule["host"]]
    assert tls["secretName"] in of(secrets(), "Secret")
    assert rule["host"] in of(objects, "ConfigMap")["serving"]["data"]["SERVING_ALLOWED_HOSTS"].split(",")


def test_every_autoscaler_scales_a_workload_that_says_no_number_itself(objects: list[Object]):
    scalers = of(objects, "HorizontalPodAutoscaler")
    assert {s["spec"]["scaleTargetRef"]["name"] for s in scalers.values()} == set(of(objects, "StatefulSet"))
    for scaler in scalers.values():
        target = scaler["spec"]["scaleTargetRef"]
        scaled = of(objects, target["kind"])[target["name"]]
        assert scaled["apiVersion"] == target["apiVersion"]
        assert "replicas" not in scaled["spec"]  # else each apply would undo what the autoscaler did
        assert scaler["spec"]["minReplicas"] >= 3


def test_every_disruption_budget_is_for_one_workload_and_leaves_a_pod_of_it(objects: list[Object]):
    replicas = {s["spec"]["scaleTargetRef"]["name"]: s["spec"]["minReplicas"]
                for s in of(objects, "HorizontalPodAutoscaler").values()}  # fmt: skip
    for budget in of(objects, "PodDisruptionBudget").values():
        (pod,) = (p for p in pods(objects) if selects(budget["spec"]["selector"], p.labels))
        workload = pod.owner
        number = workload["spec"].get("replicas") or replicas[workload["metadata"]["name"]]
        assert budget["spec"]["maxUnavailable"] < number


def test_pods_are_spread_by_the_labels_that_they_have(objects: list[Object]):
    for pod in pods(objects):
        constraints = pod.spec.get("topologySpreadConstraints", ())
        assert all(selects(c["labelSelector"], pod.labels) for c in constraints)
        several = pod.owner["kind"] == "StatefulSet" or pod.owner["spec"].get("replicas", 1) > 1
        assert bool(constraints) == several


def test_an_update_of_a_deployment_with_several_pods_takes_none_away_before_another_one_is_there(objects: list[Object]):
    for found in of(objects, "Deployment").values():
        if found["spec"]["replicas"] > 1:
            assert found["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
