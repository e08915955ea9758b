#!/usr/bin/env python3
"""Renders each kustomization below deploy/kubernetes and checks what comes out: against the schemas of
Kubernetes (no unknown field), and against what the manifests promise that no schema knows: restricted
pod security, memory limits, secrets by reference only, a schedule that is its own retry, selectors
and names that meet something.

usage: scripts/check_kubernetes.py      (kubectl and kubernetes-validate on PATH)
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent / "deploy" / "kubernetes"
# The oldest whose schemas there are, and the newest.
VERSIONS = ["1.25.0", "1.37.0"]


def render(kustomization):
    """The manifests as `kubectl apply --kustomize` would send them."""
    command = ["kubectl", "kustomize", str(kustomization)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def schema_problems(manifests):
    """What the schemas of each version say."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(manifests)
        file.flush()
        for version in VERSIONS:
            command = ["kubernetes-validate", "--strict", "--quiet", "-k", version, file.name]
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode != 0:
                yield f"schema {version}: {run.stdout}{run.stderr}".strip()


def pods(objects):
    """(name, pod template) of everything that makes pods."""
    for each in objects:
        spec = each.get("spec", {})
        if each["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if "template" in spec:
            yield f"{each['kind']} {each['metadata']['name']}", spec["template"]


def differing(where, found, wanted):
    """The members of `wanted` that `found` does not have with that value, nested ones too."""
    for key, value in wanted.items():
        got = found.get(key) if isinstance(found, dict) else None
        if isinstance(value, dict):
            yield from differing(f"{where}.{key}", got or {}, value)
        elif got != value:
            yield f"{where}.{key} is {got!r}, not {value!r}"


def pod_problems(name, template):
    """Restricted pod security, no token, no secret written out, memory bounded."""
    spec = template["spec"]
    yield from differing(name, spec, {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    })
    for key in ("hostNetwork", "hostPID", "hostIPC", "volumes"):
        if key in spec:
            yield f"{name}.{key}: neither program needs it"
    for container in spec.get("initContainers", []) + spec["containers"]:
        where = f"{name}, container {container['name']}"
        yield from differing(where, container, {
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
        })
        for kind in ("requests", "limits"):
            if "memory" not in container.get("resources", {}).get(kind, {}):
                yield f"{where}: no memory in resources.{kind}"
        urls = [each for each in container["env"] if each["name"].endswith("_URL")]
        if not urls or not all("secretKeyRef" in each.get("valueFrom", {}) for each in urls):
            yield f"{where}: the URL of the database must come from a secret"


def schedule_problems(cronjob):
    """The schedule is the retry, and two jobs do not overlap."""
    yield from differing("CronJob", cronjob, {
        "apiVersion": "batch/v1",
        "spec": {
            "schedule": "* * * * *",
            "concurrencyPolicy": "Forbid",
            "jobTemplate": {
                "spec": {
                    "backoffLimit": 0,
                    "activeDeadlineSeconds": 90,
                    "template": {"spec": {"restartPolicy": "Never"}},
                },
            },
        },
    })
    spec = cronjob["spec"]
    if not 10 <= spec.get("startingDeadlineSeconds", 0) < 60:
        yield "CronJob: startingDeadlineSeconds must be 10 to 59"
    for key in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        if key not in spec:
            yield f"CronJob: no {key}"
    if len(cronjob["metadata"]["name"]) > 52:
        yield "CronJob: a name of more than 52 characters leaves no room for the names of its jobs"


def reference_problems(objects):
    """Selectors, ports and names that meet something."""
    named = {(each["kind"], each["metadata"]["name"]): each for each in objects}
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(objects)}
    ports = {
        port["name"]
        for _, pod in pods(objects)
        for container in pod["spec"]["containers"]
        for port in container.get("ports", [])
    }
    for each in objects:
        name = f"{each['kind']} {each['metadata']['name']}"
        selector = each.get("spec", {}).get("selector")
        if selector:
            wanted = selector.get("matchLabels", selector).items()
            met = [pod for pod, has in labels.items() if wanted <= has.items()]
            if met != ["Deployment notification-service"]:
                yield f"{name}: its selector meets {met}, not the API's pods alone"
        if each["kind"] == "Service":
            for port in each["spec"]["ports"]:
                if port["targetPort"] not in ports:
                    yield f"{name}: no container has the port {port['targetPort']}"
        if each["kind"] == "Ingress":
            for rule in each["spec"]["rules"]:
                for path in rule["http"]["paths"]:
                    service = path["backend"]["service"]["name"]
                    if ("Service", service) not in named:
                        yield f"{name}: there is no service {service}"
        if each["kind"] == "Secret":
            yield f"{name}: secrets do not stand in files"
    for name, pod in pods(objects):
        account = pod["spec"]["serviceAccountName"]
        if ("ServiceAccount", account) not in named:
            yield f"{name}: there is no service account {account}"
        for container in pod["spec"].get("initContainers", []) + pod["spec"]["containers"]:
            for source in container.get("envFrom", []):
                if ("ConfigMap", source["configMapRef"]["name"]) not in named:
                    yield f"{name}: there is no config map {source['configMapRef']['name']}"


def problems(manifests):
    """Everything that is wrong with one rendered kustomization."""
    yield from schema_problems(manifests)
    objects = [each for each in yaml.safe_load_all(manifests) if each]
    kinds = {each["kind"] for each in objects}
    wanted = {"CronJob", "Deployment", "Service", "Ingress", "PodDisruptionBudget", "ServiceAccount"}
    if missing := wanted - kinds:
        yield f"not rendered: {', '.join(sorted(missing))}"
    for name, template in pods(objects):
        yield from pod_problems(name, template)
    for each in objects:
        if each["kind"] == "CronJob":
            yield from schedule_problems(each)
    yield from reference_problems(objects)


def main():
    kustomizations = sorted(path.parent for path in ROOT.rglob("kustomization.yaml"))
    failed = not kustomizations
    for kustomization in kustomizations:
        found = list(problems(render(kustomization)))
        failed = failed or bool(found)
        name = kustomization.relative_to(ROOT)
        print(f"kubernetes: {name}: {'FAILED' if found else 'ok'}")
        for problem in found:
            print(f"  {problem}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
