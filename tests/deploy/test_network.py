"""Who reaches whom: each pod is held by a policy, and each policy holds a pod."""

from tests.deploy.manifests import Object, Pod, of, pods, selects


def _policies(pod: Pod, objects: list[Object], kind: str) -> list[Object]:
    return [
        policy["spec"]
        for policy in of(objects, "NetworkPolicy").values()
        if kind in policy["spec"]["policyTypes"] and selects(policy["spec"]["podSelector"], pod.labels)
    ]


def _targets(pod: Pod, objects: list[Object]) -> list[Object]:
    """All peers that the pod may send to."""
    return [peer for p in _policies(pod, objects, "Egress") for rule in p["egress"] for peer in rule["to"]]


def _of(objects: list[Object], name: str) -> list[Pod]:
    found = [p for p in pods(objects) if p.labels["app.kubernetes.io/name"] == name]
    assert found
    return found


def test_every_policy_holds_a_pod_and_every_pod_is_held_both_ways(objects: list[Object]):
    for policy in of(objects, "NetworkPolicy").values():
        assert any(selects(policy["spec"]["podSelector"], p.labels) for p in pods(objects)), policy["metadata"]["name"]
    for pod in pods(objects):
        for kind in ("Ingress", "Egress"):
            assert _policies(pod, objects, kind), f"{pod.owner['kind']} without {kind}"


def test_no_rule_is_for_everyone(objects: list[Object]):
    for policy in of(objects, "NetworkPolicy").values():
        rules = [(r["from"], r["ports"]) for r in policy["spec"].get("ingress", ())]
        rules += [(r["to"], r["ports"]) for r in policy["spec"].get("egress", ())]
        for peers, ports in rules:
            assert peers
            assert ports
            assert all(peer and "0.0.0.0/0" not in str(peer) for peer in peers)


def test_every_rule_between_our_pods_names_pods_and_a_port_that_exist(objects: list[Object]):
    for policy in of(objects, "NetworkPolicy").values():
        own = [p for p in pods(objects) if selects(policy["spec"]["podSelector"], p.labels)]
        for rule in policy["spec"].get("ingress", ()):
            _are_there([peer for peer in rule["from"] if "namespaceSelector" not in peer], objects)
            _have_ports(own, rule)
        for rule in policy["spec"].get("egress", ()):
            inside = [peer for peer in rule["to"] if peer.keys() == {"podSelector"}]
            for target in _are_there(inside, objects):
                _have_ports([target], rule)


def _are_there(peers: list[Object], objects: list[Object]) -> list[Pod]:
    found = []
    for peer in peers:
        taken = [p for p in pods(objects) if selects(peer["podSelector"], p.labels)]
        assert taken, peer
        found += taken
    return found


def _have_ports(held: list[Pod], rule: Object) -> None:
    for pod in held:
        ports = {port["name"] for c in pod.spec["containers"] for port in c.get("ports", ())}
        assert {port["port"] for port in rule["ports"]} <= ports


def test_the_api_is_reached_by_the_ingress_controller_and_prometheus_only(objects: list[Object]):
    for pod in _of(objects, "serving"):
        peers = [peer for p in _policies(pod, objects, "Ingress") for rule in p["ingress"] for peer in rule["from"]]
        names = {peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for peer in peers}
        assert names == {"ingress-nginx", "prometheus"}
        assert all(peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in peers)


def test_the_api_reaches_postgres_mlflow_and_names_only(objects: list[Object]):
    postgres = of(objects, "NetworkPolicy")["postgres-egress"]["spec"]["egress"][0]["to"][0]["ipBlock"]
    for pod in _of(objects, "serving"):
        targets = _targets(pod, objects)
        assert [t["ipBlock"] for t in targets if "ipBlock" in t] == [postgres]
        inside = [t["podSelector"]["matchLabels"] for t in targets if "podSelector" in t]
        assert sorted(next(iter(labels.values())) for labels in inside) == ["kube-dns", "mlflow"]


def test_whoever_may_send_to_mlflow_is_let_in_there(objects: list[Object]):
    (mlflow,) = _of(objects, "mlflow")
    (rule,) = (r for p in _policies(mlflow, objects, "Ingress") for r in p["ingress"])
    inside = [peer["podSelector"] for peer in rule["from"] if "namespaceSelector" not in peer]
    for pod in pods(objects):
        targets = [t["podSelector"] for t in _targets(pod, objects) if t.keys() == {"podSelector"}]
        sends = any(selects(target, mlflow.labels) for target in targets)
        assert sends == any(selects(peer, pod.labels) for peer in inside), pod.owner["metadata"]


def test_whoever_stores_artifacts_reaches_the_object_store(objects: list[Object]):
    address = of(objects, "NetworkPolicy")["object-store-egress"]["spec"]["egress"][0]["to"][0]
    for name in ("mlflow", "registry-sync"):
        assert all(address in _targets(pod, objects) for pod in _of(objects, name))
