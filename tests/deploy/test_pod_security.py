"""What no pod may be allowed, and what each must say."""

import re

from tests.deploy.manifests import Object, of, pods


def test_no_container_runs_as_root_writes_to_its_image_or_gains_a_right(objects: list[Object]):
    for pod in pods(objects):
        context = pod.spec["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] > 0
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod.containers():
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"] is True
            assert own["allowPrivilegeEscalation"] is False
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert not own.keys() & {"privileged", "runAsUser", "runAsNonRoot", "seccompProfile"}


def test_no_pod_shares_anything_of_its_node(objects: list[Object]):
    for pod in pods(objects):
        assert not pod.spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}
        for volume in pod.spec.get("volumes", ()):
            assert volume.keys() - {"name"} <= {"emptyDir", "secret", "configMap", "persistentVolumeClaim"}


def test_no_pod_has_a_token_of_the_api(objects: list[Object]):
    accounts = of(objects, "ServiceAccount")
    for pod in pods(objects):
        assert pod.spec["automountServiceAccountToken"] is False
        assert accounts[pod.spec["serviceAccountName"]]["automountServiceAccountToken"] is False


def test_every_container_has_requests_and_limits_and_no_memory_volume_grows_without_end(objects: list[Object]):
    for pod in pods(objects):
        for container in pod.containers():
            for kind in ("requests", "limits"):
                assert container["resources"][kind].keys() == {"cpu", "memory"}
        for volume in pod.spec.get("volumes", ()):
            assert "emptyDir" not in volume or "sizeLimit" in volume["emptyDir"]


def test_every_image_has_a_version(objects: list[Object]):
    for pod in pods(objects):
        for container in pod.containers():
            assert re.fullmatch(r"[a-z0-9./-]+:\d+\.\d+\.\d+", container["image"]), container["image"]


def test_every_container_that_listens_is_probed_on_a_port_that_it_has(objects: list[Object]):
    listening = 0
    for pod in pods(objects):
        for container in pod.spec["containers"]:
            ports = {port["name"] for port in container.get("ports", ())}
            probes = {name: container.get(f"{name}Probe") for name in ("startup", "readiness", "liveness")}
            if ports:
                listening += 1
                assert all(probe["httpGet"]["port"] in ports for probe in probes.values())
            else:
                assert not any(probes.values())
    assert listening >= 2


def test_the_service_is_ready_when_it_predicts_and_lives_while_its_process_does(objects: list[Object]):
    for found in of(objects, "StatefulSet").values():
        (container,) = found["spec"]["template"]["spec"]["containers"]
        assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
        assert container["livenessProbe"]["httpGet"]["path"] == "/health"
        assert container["startupProbe"]["httpGet"]["path"] == "/health"


def test_the_namespace_refuses_pods_that_ask_for_more(objects: list[Object]):
    labels = of(objects, "Namespace")["ml-platform"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
