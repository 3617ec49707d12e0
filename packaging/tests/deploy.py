"""Checks rendered Kubernetes objects: their schemas, what every pod has to keep, and that references lead somewhere.

    deploy.py RENDERED…

Exit code 1 with a line a finding.
"""

import pathlib
import sys

import kubernetes_validate
import yaml

# What the site brings itself (packaging/kubernetes/README.md).
GIVEN_SECRETS = {"muster-authority", "muster-backup", "muster-database"}
VERSIONS = ("1.28", "1.31")
KUBERNETES = pathlib.Path(__file__).parent.parent / "kubernetes"
# The job that the rules ask for (packaging/monitoring/prometheus/rules.yml).
JOB = "muster"
# What a volume says that one machine mounts at a time.
ONE_MACHINE = {"ReadWriteOnce", "ReadWriteOncePod"}
# Connections that a node holds when nothing else is said (collector/src/config).
HELD_USUALLY = 15_000
# Connections to PostgreSQL that a node opens when nothing else is said (collector/src/config/database.rs).
CONNECTIONS_USUALLY = 24


def pod_of(thing):
    """The pod template of an object, if it has one."""
    if thing["kind"] == "CronJob":
        return thing["spec"]["jobTemplate"]["spec"]["template"]
    return thing.get("spec", {}).get("template")


def schema_findings(thing):
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(thing, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            path = ".".join(str(part) for part in error.path)
            yield f"by the schema of {version}: {path}: {error.message}"


def pod_findings(kind, pod):
    spec = pod["spec"]
    security = spec.get("securityContext", {})
    if not security.get("runAsNonRoot") or not security.get("runAsUser"):
        yield "may run as root"
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "has no seccomp profile"
    if spec.get("automountServiceAccountToken") is not False:
        yield "is given a token of the cluster's API"
    # What runs before the others ends by itself.
    first = spec.get("initContainers", [])
    for container in first + spec["containers"]:
        name, own = container["name"], container.get("securityContext", {})
        if own.get("allowPrivilegeEscalation") is not False:
            yield f"{name}: may gain privileges"
        if not own.get("readOnlyRootFilesystem"):
            yield f"{name}: may write to its image"
        if own.get("capabilities", {}).get("drop") != ["ALL"]:
            yield f"{name}: keeps capabilities"
        resources = container.get("resources", {})
        if "memory" not in resources.get("limits", {}) or "cpu" not in resources.get("requests", {}):
            yield f"{name}: has no limit of memory or no share of the processor"
        is_probed = kind not in ("CronJob", "Job") and container not in first
        if is_probed and not {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container):
            yield f"{name}: lacks a probe"
        for variable in container.get("env", []):
            words = variable["name"].lower()
            if any(word in words for word in ("password", "secret", "token")) or "valueFrom" in variable:
                yield f"{name}: {variable['name']}: secrets come as files"


def reference_findings(kind, pod, claims, names):
    spec = pod["spec"]
    volumes = {volume["name"] for volume in spec.get("volumes", [])} | claims
    mounted = set()
    for container in spec.get("initContainers", []) + spec["containers"]:
        mounts = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
        if len(mounts) != len(set(mounts)):
            yield f"{container['name']}: two volumes at one path"
        for mount in container.get("volumeMounts", []):
            mounted.add(mount["name"])
            if mount["name"] not in volumes:
                yield f"{container['name']}: mounts {mount['name']}, which is no volume"
        for source in container.get("envFrom", []):
            if ("ConfigMap", source["configMapRef"]["name"]) not in names:
                yield f"{container['name']}: takes its environment from {source}, which is not there"
    for unused in volumes - mounted:
        yield f"{unused} is mounted nowhere"
    for volume in spec.get("volumes", []):
        if "configMap" in volume and ("ConfigMap", volume["configMap"]["name"]) not in names:
            yield f"{volume['name']}: no such ConfigMap"
        is_authority = volume.get("secret", {}).get("secretName") == "muster-authority"
        mounts = [mount for container in spec["containers"] for mount in container.get("volumeMounts", [])]
        is_cut = any("subPath" in mount for mount in mounts if mount["name"] == volume["name"])
        if is_authority and ("items" in volume["secret"] or is_cut):
            yield f"{volume['name']}: an authority that is added to the secret does not reach the pod"
        if "secret" in volume and volume["secret"]["secretName"] not in GIVEN_SECRETS:
            yield f"{volume['name']}: no such secret"
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        if claim and ("PersistentVolumeClaim", claim) not in names:
            yield f"{volume['name']}: no such claim"


def is_selected(selector, labels):
    return all(labels.get(key) == value for key, value in selector.items())


def variable(pod, name):
    values = [one.get("value") for c in pod["spec"]["containers"] for one in c.get("env", []) if one["name"] == name]
    return values[0] if values else None


def goes_out(things, pod):
    """Whether a pod asks others over HTTPS: companies' providers where people sign in; feeds and webhooks, where jobs are done."""
    people = next(t for t in things if t["kind"] == "Service" and t["metadata"]["name"] == "muster-api")
    takes_people = is_selected(people["spec"]["selector"], pod["metadata"]["labels"])
    return takes_people or "jobs" in (variable(pod, "MUSTER_ROLES") or "").split(",")


def ways_out(things, pod):
    """The ports that policies let a pod go out to."""
    for thing in things:
        if thing["kind"] != "NetworkPolicy":
            continue
        if is_selected(thing["spec"]["podSelector"].get("matchLabels", {}), pod["metadata"]["labels"]):
            for rule in thing["spec"].get("egress", []):
                yield from (port["port"] for port in rule["ports"])


def scaling_findings(thing, pods):
    target = thing["spec"]["scaleTargetRef"]
    scaled = [pod for one, pod in pods if (one["kind"], one["metadata"]["name"]) == (target["kind"], target["name"])]
    if not scaled:
        yield "scales nothing"
        return
    held = int(variable(scaled[0], "MUSTER_INGEST_HELD_MAX") or HELD_USUALLY)
    for metric in thing["spec"]["metrics"]:
        if metric.get("pods", {}).get("metric", {}).get("name") == "muster_ingest_connections":
            wanted = int(metric["pods"]["target"]["averageValue"])
            # Later it is too late; earlier there are more nodes than there is work.
            if not held / 2 <= wanted <= held:
                yield f"adds a node at {wanted} connections each, where a node holds {held}"


def monitor_findings(pods):
    """What keeps Prometheus from asking every node, under the name that the rules go by."""
    monitor = yaml.safe_load((KUBERNETES / "monitoring/pod-monitor.yaml").read_text(encoding="utf-8"))["spec"]
    wanted = {one["key"]: one["values"] for one in monitor["selector"]["matchExpressions"]}
    (endpoint,) = monitor["podMetricsEndpoints"]
    if not any(one["targetLabel"] == "job" and one["replacement"] == JOB for one in endpoint["relabelings"]):
        yield f"has Prometheus call the nodes otherwise than {JOB}"
    for thing, pod in pods:
        ports = {port["name"] for c in pod["spec"]["containers"] for port in c.get("ports", [])}
        labels = pod["metadata"]["labels"]
        is_asked = endpoint["port"] in ports and all(labels.get(key) in values for key, values in wanted.items())
        if "http" in ports and not is_asked:
            yield f"does not have {thing['metadata']['name']} asked"


def runs_beside(pod, other):
    """Whether a pod is made to run on the machine of another."""
    affinity = pod["spec"].get("affinity", {}).get("podAffinity", {})
    wanted = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", [])
    return any(one["topologyKey"] == "kubernetes.io/hostname"
               and is_selected(one["labelSelector"]["matchLabels"], other["metadata"]["labels"]) for one in wanted)


def shared_findings(things, pods):
    """Volumes of one machine that pods of several want."""
    for claim in things:
        if claim["kind"] != "PersistentVolumeClaim" or not ONE_MACHINE & set(claim["spec"]["accessModes"]):
            continue
        name = claim["metadata"]["name"]
        # What is suspended runs when the others are stopped.
        wants = [(thing, pod) for thing, pod in pods if not thing["spec"].get("suspend") and any(
            volume.get("persistentVolumeClaim", {}).get("claimName") == name for volume in pod["spec"].get("volumes", []))]
        homes = [one for one in wants if all(other is one or runs_beside(other[1], one[1]) for other in wants)]
        if wants and not homes:
            names = " and ".join(thing["metadata"]["name"] for thing, _ in wants)
            yield f"{name}: is mounted on one machine, and nothing keeps {names} on the same"
        if any(thing["spec"].get("replicas", 1) > 1 for thing, _ in wants):
            yield f"{name}: is mounted on one machine, and wanted by several pods of one kind"


def connections_findings(overlay, things):
    """Connections to PostgreSQL that the nodes of an overlay may open, where OPERATIONS.md has another number."""
    scalers = {t["spec"]["scaleTargetRef"]["name"]: t for t in things if t["kind"] == "HorizontalPodAutoscaler"}
    settings = [t["data"] for t in things if t["kind"] == "ConfigMap" and t["metadata"]["name"].startswith("muster-site")]
    of_one = int(settings[0].get("MUSTER_DATABASE_CONNECTIONS_MAX", CONNECTIONS_USUALLY))
    nodes = 0
    for thing in things:
        if thing["kind"] in ("Deployment", "StatefulSet"):
            scaler = scalers.get(thing["metadata"]["name"])
            nodes += scaler["spec"]["maxReplicas"] if scaler else thing["spec"].get("replicas", 1)
    lines = (KUBERNETES / "../../docs/OPERATIONS.md").read_text(encoding="utf-8").splitlines()
    row = next((line for line in lines if line.startswith(f"| overlay `{overlay}` |")), "")
    if f" {nodes * of_one:,} " not in row:
        yield f"{nodes} nodes open {nodes * of_one:,} connections to PostgreSQL, and docs/OPERATIONS.md says {row!r}"


def restored_findings(things):
    """Nodes that the restore of the README stops and does not start again."""
    readme = (KUBERNETES / "README.md").read_text(encoding="utf-8")
    steps = readme.split("## A restore")[1].split("```")[1].splitlines()
    started = [step for step in steps if " scale --replicas=" in step and " scale --replicas=0 " not in step]
    for thing in things:
        if thing["kind"] not in ("Deployment", "StatefulSet") or "replicas" in thing["spec"]:
            continue
        # Applied anew, what says no number keeps the 0 that it was scaled to, and an autoscaler leaves a 0 alone.
        name = f"{thing['kind'].lower()}/{thing['metadata']['name']}"
        if not any(name in step.split() for step in started):
            yield f"the README's restore leaves {name} without a pod"


def migrates_first(pod):
    """Whether the schema is brought up to date before what a probe would end while it waits for it."""
    serves = any(container.get("args", [""])[0] == "serve" for container in pod["spec"]["containers"])
    first = [container.get("args", [""])[0] for container in pod["spec"].get("initContainers", [])]
    return not serves or "migrate" in first


def check(things):
    names = {(thing["kind"], thing["metadata"]["name"]) for thing in things}
    pods = [(thing, pod_of(thing)) for thing in things if pod_of(thing)]
    for thing in things:
        where = f"{thing['kind']} {thing['metadata']['name']}"
        if thing["kind"] != "Namespace" and thing["metadata"].get("namespace") != "muster":
            yield f"{where}: is in no namespace of its own"
        for finding in schema_findings(thing):
            yield f"{where}: {finding}"
        if thing["kind"] == "Service":
            selector = thing["spec"]["selector"]
            led = [pod for _, pod in pods if is_selected(selector, pod["metadata"]["labels"])]
            if not led:
                yield f"{where}: leads to no pod"
            for pod in led:
                ports = {port["name"] for c in pod["spec"]["containers"] for port in c.get("ports", [])}
                for port in thing["spec"]["ports"]:
                    if port["targetPort"] not in ports:
                        yield f"{where}: {port['targetPort']} is no port of its pods"
        if thing["kind"] in ("PodDisruptionBudget", "NetworkPolicy"):
            selector = thing["spec"].get("selector") or thing["spec"].get("podSelector") or {}
            wanted = selector.get("matchLabels", {})
            if not any(is_selected(wanted, pod["metadata"]["labels"]) for _, pod in pods):
                yield f"{where}: is about no pod"
        if thing["kind"] == "HorizontalPodAutoscaler":
            for finding in scaling_findings(thing, pods):
                yield f"{where}: {finding}"
    for thing, pod in pods:
        where = f"{thing['kind']} {thing['metadata']['name']}"
        templates = thing["spec"].get("volumeClaimTemplates", [])
        claims = {template["metadata"]["name"] for template in templates}
        if goes_out(things, pod) and 443 not in ways_out(things, pod):
            yield f"{where}: goes out over HTTPS, and no policy lets it"
        if not migrates_first(pod):
            yield f"{where}: migrates where a probe ends it"
        for finding in pod_findings(thing["kind"], pod):
            yield f"{where}: {finding}"
        for finding in reference_findings(thing["kind"], pod, claims, names):
            yield f"{where}: {finding}"
    yield from shared_findings(things, pods)
    yield from restored_findings(things)
    for finding in monitor_findings(pods):
        yield f"the PodMonitor {finding}"
    if not any(thing["kind"] == "NetworkPolicy" and thing["spec"]["podSelector"] == {} and "ingress" not in thing["spec"]
               and "egress" not in thing["spec"] for thing in things):
        yield "no policy closes what is not named"


def main(paths):
    findings = 0
    for path in paths:
        with open(path, encoding="utf-8") as file:
            things = [thing for thing in yaml.safe_load_all(file) if thing]
        for finding in [*check(things), *connections_findings(pathlib.Path(path).stem, things)]:
            findings += 1
            print(f"{path}: {finding}", file=sys.stderr)
        print(f"deploy: {path}: {len(things)} objects")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
