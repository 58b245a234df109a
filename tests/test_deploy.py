"""What the image is made of and the manifests for Kubernetes, as far as files alone can tell."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import PREFIX, Settings
from transcription.cluster import application_of

ROOT = Path(__file__).parents[1]
KUBERNETES = ROOT / "deploy" / "kubernetes"
USER = 10001  # of the Dockerfile
RAY = "RayService"
RELEASE = "1.31"  # the oldest that has all we use


def manifests() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{path.name}: {one['kind']}", one)
        for path in sorted(KUBERNETES.glob("*.yaml"))
        for one in yaml.safe_load_all(path.read_text("utf-8"))
    ]


def pods() -> list[tuple[str, dict[str, Any]]]:
    return [(name, template["spec"]) for name, one in manifests() for template in templates_of(one)]


def templates_of(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Of its pods."""
    if manifest["kind"] == RAY:
        cluster = manifest["spec"]["rayClusterConfig"]
        groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
        return [group["template"] for group in groups]
    return [manifest["spec"]["template"]] if "template" in manifest.get("spec", {}) else []


EACH_MANIFEST = pytest.mark.parametrize("manifest", [pytest.param(m, id=n) for n, m in manifests()])
EACH_POD = pytest.mark.parametrize("pod", [pytest.param(spec, id=name) for name, spec in pods()])


def test_all_that_the_image_copies_is_let_in():
    """What .dockerignore leaves out cannot be copied, and the image is not built."""
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.M)
    let_in = {
        line.removeprefix("!").rstrip("/")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    sources = {name.partition("/")[0] for line in copied for name in line.split()}
    assert len(sources) > 8
    assert sources <= let_in


def test_every_package_of_ours_is_in_the_image():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "supply"}
    copied = (ROOT / "Dockerfile").read_text()
    assert "bulk" in packages
    assert {name for name in packages if f"COPY {name} ./{name}\n" not in copied} == set()


@EACH_MANIFEST
def test_manifests_follow_the_schema(manifest):
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is missing")
    if manifest["kind"] == RAY:  # which Kubernetes does not know, but for its pods
        named = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "a"}}
        for template in templates_of(manifest):
            validate.validate({**named, "template": template}, RELEASE, strict=True)
        return
    validate.validate(manifest, RELEASE, strict=True)


def test_replicas_are_what_the_service_asks_for():
    """The names and numbers of the serve config are those of the service beside it."""
    (ray,) = (m for _, m in manifests() if m["kind"] == RAY)
    config = yaml.safe_load(ray["spec"]["serveConfigV2"])
    (application,) = config["applications"]
    module, _, name = application["import_path"].partition(":")
    assert callable(getattr(importlib.import_module(module), name))
    (service,) = next(
        pod["containers"] for title, pod in pods() if title == "ray.yaml: StatefulSet"
    )
    given = {one["name"]: one["value"] for one in service["env"]}
    for setting in ("slots", "ray_replicas", "ray_max_replicas"):
        assert given[f"{PREFIX}{setting.upper()}"] == str(application["args"][setting])
    settings = Settings(**application["args"])
    assert application_of(settings).name == application["name"]
    assert given["LONGFORM_RAY_ADDRESS"] == f"{ray['metadata']['name']}-head-svc:6379"


def test_the_serve_config_is_one_that_ray_takes():
    schema = pytest.importorskip("ray.serve.schema", reason="ray is missing (extra cluster)")
    (ray,) = (m for _, m in manifests() if m["kind"] == RAY)
    schema.ServeDeploySchema(**yaml.safe_load(ray["spec"]["serveConfigV2"]))


def test_the_schema_would_tell():
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is missing")
    wrong = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a"},
        "spec": {"prots": []},
    }
    with pytest.raises(validate.ValidationError):
        validate.validate(wrong, RELEASE, strict=True)


@EACH_POD
def test_pods_have_no_rights_that_they_do_not_need(pod):
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False  # they would set LONGFORM_PORT
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == USER
    assert f"USER {USER}:{USER}" in (ROOT / "Dockerfile").read_text()
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["limits"]["memory"]


@EACH_POD
def test_pods_write_only_where_something_is_mounted(pod):
    (container,) = pod["containers"]
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {"/models", "/tmp"} <= mounted


def test_every_setting_that_is_given_is_one():
    given = re.findall(rf"\b{PREFIX}[A-Z_]+", "".join(p.read_text() for p in KUBERNETES.glob("*")))
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    assert given
    assert set(given) <= known


def test_probes_ask_routes_under_a_name_that_is_allowed():
    """A probe names the pod's address as host, which the service refuses."""
    configured = next(m for n, m in manifests() if m["kind"] == "ConfigMap")["data"]
    (container,) = next(m for n, m in manifests() if m["kind"] == "StatefulSet")["spec"][
        "template"
    ]["spec"]["containers"]
    for kind, path in (("startup", "/health"), ("liveness", "/health"), ("readiness", "/ready")):
        asked = container[f"{kind}Probe"]["httpGet"]
        assert asked["path"] == path
        (host,) = (one["value"] for one in asked["httpHeaders"] if one["name"] == "Host")
        assert host in configured["LONGFORM_ALLOWED_HOSTS"].split(",")
