#!/usr/bin/env python3
"""Are the manifests of deploy/ right: well-formed, complete, agreed with one another, and accepted by Kubernetes' own schemas?

    check_manifests.py [--venv DIR] [--greenroom PROGRAM]

Also: the CRD's schema is structural, its rules (CEL) accept what they should and refuse what they should, and every policy in
docs/ and everything `policy convert` makes of the tests' fixtures passes it. One line a case: `ok`, `WRONG` with what is wrong,
or `SKIPPED` with what is missing. Exits 0 where nothing is wrong. Where KUBECONFIG names a cluster, its API server tries them
too, by a dry run that changes nothing. Python's packages go into a virtual environment of their own (default
.build-peers/manifests); without PyPI those cases are skipped.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ["PyYAML", "kubernetes-validate", "jsonschema", "cel-python"]
KUBERNETES = "1.36"
wrong = []


def judge(name, problems):
    if problems:
        wrong.append(name)
    print(f"WRONG    {name}: {'; '.join(map(str, problems))}" if problems else f"ok       {name}", flush=True)


def skip(name, why):
    print(f"SKIPPED  {name}: {why}", flush=True)


def enter_venv(folder):
    """Runs this again inside a virtual environment with what it needs; goes on without where that can't be made."""
    if os.environ.get("GREENROOM_MANIFESTS_VENV"):
        return
    python = Path(folder) / "bin" / "python"
    try:
        if not (Path(folder) / "ready").exists():
            subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True, timeout=120)
            subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *PACKAGES], check=True, capture_output=True, timeout=300)
            (Path(folder) / "ready").touch()
    except (subprocess.SubprocessError, OSError) as problem:
        skip("packages from PyPI", f"{' '.join(PACKAGES)} could not be installed ({problem})")
        return
    os.execve(python, [str(python), *sys.argv], {**os.environ, "GREENROOM_MANIFESTS_VENV": "1"})


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document is not None]


# --- Manifests ------------------------------------------------------------------------------------------------------------


def manifests():
    found = []
    for path in sorted((ROOT / "deploy").rglob("*.yaml")):
        # Values of a Helm chart are no manifest either.
        if path.name in ("kustomization.yaml", "greenroom.yaml", "values.yaml"):
            continue
        found += [(path.relative_to(ROOT), document) for document in documents(path)]
    return found


def check_form(found):
    for path, document in found:
        name = f"{path}: {document.get('kind')} {document.get('metadata', {}).get('name')}"
        problems = [f"{field} is missing" for field in ("apiVersion", "kind") if not document.get(field)]
        if not document.get("metadata", {}).get("name"):
            problems.append("metadata.name is missing")
        judge(f"form of {name}", problems)


def check_against_kubernetes(found):
    try:
        import kubernetes_validate
    except ImportError:
        return skip("Kubernetes' schemas", "kubernetes-validate is missing")
    for path, document in found:
        if document["apiVersion"].startswith(("monitoring.coreos.com/", "extensions.agents.x-k8s.io/", "greenroom.dev/")):
            continue
        problems = []
        try:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as problem:
            problems = [f"{'.'.join(map(str, problem.path))}: {problem.message}"]
        except kubernetes_validate.SchemaNotFoundError as problem:
            problems = [f"no schema: {problem}"]
        judge(f"Kubernetes {KUBERNETES} takes {path}: {document['kind']} {document['metadata']['name']}", problems)


def check_against_server():
    """A server-side dry run, where a cluster is named and there is a kubectl to ask it."""
    if not os.environ.get("KUBECONFIG") or not shutil.which("kubectl"):
        return skip("a server's dry run", "it needs KUBECONFIG and kubectl")
    built = subprocess.run(["kubectl", "kustomize", str(ROOT / "deploy")], capture_output=True, text=True, timeout=120)
    # A namespace that is only tried out holds nothing: the objects are tried in one that is there.
    text = built.stdout.replace("namespace: greenroom", "namespace: default")
    done = subprocess.run(["kubectl", "apply", "--validate=strict", "--dry-run=server", "-f", "-"], input=text, capture_output=True, text=True, timeout=120)
    judge("the cluster would take deploy/", [built.stderr + done.stderr] if built.returncode or done.returncode else [])


def check_kustomizations():
    for path in sorted((ROOT / "deploy").rglob("kustomization.yaml")):
        content = documents(path)[0]
        folder = path.parent
        problems = [f"{entry} is not there" for entry in content["resources"] if not (folder / entry).exists()]
        files = [file for generator in content.get("configMapGenerator", []) for file in generator["files"]]
        problems += [f"{file} is not there" for file in files if not (folder / file).exists()]
        listed = {*content["resources"], *files, "kustomization.yaml"}
        problems += [f"{file.name} is in no list" for file in folder.glob("*.yaml") if file.name not in listed]
        judge(f"{path.relative_to(ROOT)} lists what is there", problems)
        if shutil.which("kubectl"):
            # Kustomize alone: no cluster is asked.
            done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, timeout=120)
            judge(f"kustomize builds {folder.relative_to(ROOT)}", [done.stderr] if done.returncode or done.stderr else [])


def check_agreement(found):
    """What one manifest names, another one has."""
    by_kind = {}
    for _, document in found:
        by_kind.setdefault(document["kind"], {})[document["metadata"]["name"]] = document
    pod = by_kind["StatefulSet"]["greenroom"]["spec"]["template"]
    labels = pod["metadata"]["labels"]
    container = pod["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    # deploy/substrate adds the gateway's, and its Service.
    ports |= {port["name"]: port["containerPort"] for port in with_gateway(by_kind["StatefulSet"]["greenroom"])["spec"]["template"]["spec"]["containers"][0]["ports"]}

    problems = []
    for name, service in by_kind["Service"].items():
        if not service["spec"]["selector"].items() <= labels.items():
            problems.append(f"service {name} selects no pod")
        problems += [f"service {name}: no port {port['targetPort']}" for port in service["spec"]["ports"] if port["targetPort"] not in ports]
    if by_kind["StatefulSet"]["greenroom"]["spec"]["serviceName"] not in by_kind["Service"]:
        problems.append("the StatefulSet's service is not there")
    judge("services lead to the pod's ports", problems)

    service = by_kind["APIService"]["v1beta1.external.metrics.k8s.io"]["spec"]["service"]
    known = [port["port"] for port in by_kind["Service"][service["name"]]["spec"]["ports"]]
    judge("the APIService leads to a service's port", [] if service["port"] in known else [f"no port {service['port']}"])

    monitor = by_kind["ServiceMonitor"]["greenroom"]["spec"]
    matching = [s for s in by_kind["Service"].values() if monitor["selector"]["matchLabels"].items() <= s["metadata"]["labels"].items()]
    scraped = [port["name"] for s in matching for port in s["spec"]["ports"]]
    judge("the ServiceMonitor scrapes one service", [] if scraped == ["https"] and len(matching) == 1 else [f"it finds {scraped}"])

    probes = [container[kind]["httpGet"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")]
    problems = [f"{probe} is not probed by name of a port" for probe in probes if probe["port"] not in ports]
    problems += [] if [p["path"] for p in probes] == ["/livez", "/livez", "/readyz"] else ["other paths than /livez and /readyz"]
    judge("probes", problems)

    named = [port["port"] for policy in by_kind["NetworkPolicy"].values() for rule in policy["spec"].get("ingress", []) for port in rule.get("ports", [])]
    judge("the NetworkPolicy names ports of the pod", [f"no port {port}" for port in named if port not in ports] + [f"{port} is closed" for port in ports if port not in named])

    config = documents(ROOT / "deploy/base/greenroom.yaml")[0]
    problems = []
    if config["tls"]["listen"] != f"0.0.0.0:{ports['https']}":
        problems.append("tls.listen is not the port https")
    volumes = {volume["name"] for volume in pod["spec"]["volumes"]} | {claim["metadata"]["name"] for claim in by_kind["StatefulSet"]["greenroom"]["spec"]["volumeClaimTemplates"]}
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    problems += [f"no volume {mount['name']}" for mount in mounts.values() if mount["name"] not in volumes]
    for file in (config["tls"]["certificate"], config["tls"]["key"], config["tokens"], config["database"], container["args"][2]):
        if str(Path(file).parent) not in mounts:
            problems.append(f"{file} is on no volume")
    writable = [path for path, mount in mounts.items() if not mount.get("readOnly")]
    if sorted(writable) != ["/tmp", "/var/lib/greenroom"]:
        problems.append(f"writable: {writable}")
    judge("the configuration's files are mounted", problems)

    example = {document["kind"]: document for document in documents(ROOT / "docs/examples/keda-scaledobject.yaml")}
    problems = []
    for trigger in example["ScaledObject"]["spec"]["triggers"]:
        host, _, port = trigger["metadata"]["scalerAddress"].partition(":")
        name, namespace = host.split(".")[:2]
        service = by_kind["Service"].get(name, {"metadata": {}, "spec": {"ports": []}})
        if namespace != service["metadata"].get("namespace") or int(port) not in [p["port"] for p in service["spec"]["ports"] if p["targetPort"] == "keda-scaler"]:
            problems.append(f"{host}:{port} is no address of the scaler")
        if (trigger["metadata"].get("enableTLS") == "true") != ("tls" in config["keda"]):
            problems.append("TLS on one side alone")
        authentication = trigger.get("authenticationRef", {})
        given = example.get(authentication.get("kind"), {}).get("spec", {}).get("secretTargetRef", [])
        if "tls" in config["keda"] and "caCert" not in [entry["parameter"] for entry in given]:
            problems.append("KEDA isn't told whom to trust")
    if config["keda"]["address"] != f"0.0.0.0:{ports['keda-scaler']}":
        problems.append("keda.address is not the port keda-scaler")
    judge("KEDA's example leads to the scaler's port, as it is served", problems)

    security, pod_security = container["securityContext"], pod["spec"]["securityContext"]
    problems = [] if security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"] and security["capabilities"] == {"drop": ["ALL"]} else ["the container may do too much"]
    if not pod_security["runAsNonRoot"] or pod_security["seccompProfile"] != {"type": "RuntimeDefault"}:
        problems.append("the pod may do too much")
    judge("the pod meets the restricted profile", problems)
    check_rights(by_kind)


def patched(document, operations):
    """RFC 6902, as far as deploy/ uses it."""
    import copy

    document = copy.deepcopy(document)
    for operation in operations:
        *way, last = operation["path"].lstrip("/").split("/")
        place = document
        for step in way:
            place = place[int(step) if isinstance(place, list) else step]
        if operation["op"] == "remove":
            del place[last]
        elif isinstance(place, list):
            place.append(operation["value"])
        else:
            assert operation["op"] == "add" or last in place, f"{operation['path']} is not there"
            place[last] = operation["value"]
    return document


def with_gateway(stateful_set):
    """What deploy/substrate makes of the StatefulSet."""
    overlay = documents(ROOT / "deploy/substrate/kustomization.yaml")[0]
    return patched(stateful_set, yaml.safe_load(overlay["patches"][0]["patch"]))


def check_substrate(found):
    """The gateway before agent-substrate: its port, its files, the base's configuration beside it, and no right but to read."""
    by_name = {(document["kind"], document["metadata"]["name"]): document for _, document in found}
    whole = with_gateway(by_name["StatefulSet", "greenroom"])
    pod = whole["spec"]["template"]["spec"]
    base, config = (documents(ROOT / f"deploy/{folder}/greenroom.yaml")[0] for folder in ("base", "substrate"))
    problems = [f"{field} differs from deploy/base" for field in base if base[field] != config.get(field)]
    gateway = config["gateway"]
    ports = {port["name"]: port["containerPort"] for port in pod["containers"][0]["ports"]}
    if ports.get("gateway") != int(gateway["listen"].rsplit(":", 1)[1]):
        problems.append(f"the gateway listens on {gateway['listen']}, and the pod's port is {ports.get('gateway')}")
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    problems += [f"no volume {name}" for name in mounts.keys() - {volume["name"] for volume in pod["volumes"]} - {"log"}]
    files = {source["path"] for volume in pod["volumes"] if volume["name"] == "ateapi" for source in
             [part.get("serviceAccountToken") or part["configMap"]["items"][0] for part in volume["projected"]["sources"]]}
    for field in ("ca", "tokenFile"):
        folder, name = gateway["upstream"][field].rsplit("/", 1)
        if folder != mounts.get("ateapi") or name not in files:
            problems.append(f"gateway.upstream.{field}: nothing is mounted there")
    verbs = {verb for rule in by_name["ClusterRole", "greenroom-substrate"]["rules"] for verb in rule["verbs"]}
    if not verbs <= {"get", "list", "watch"}:
        problems.append(f"more than reading: {verbs}")
    judge("deploy/substrate: the gateway's port, files and rights", problems)
    check_against_kubernetes([(Path("deploy/substrate"), whole)])


def check_standby(found):
    """Two instances over one log: what deploy/standby makes of the StatefulSet, and that its configuration elects."""
    overlay = documents(ROOT / "deploy/standby/kustomization.yaml")[0]
    by_name = {(document["kind"], document["metadata"]["name"]): document for _, document in found}
    operations = yaml.safe_load(overlay["patches"][0]["patch"])
    both = patched(by_name["StatefulSet", "greenroom"], operations)
    pod = both["spec"]["template"]["spec"]
    claims = [volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"] if "persistentVolumeClaim" in volume]
    problems = [] if [("PersistentVolumeClaim", claim) in by_name for claim in claims] == [True] else [f"claims are {claims}"]
    mounts = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    problems += [f"no volume {name}" for name in mounts - {volume["name"] for volume in pod["volumes"]}]
    if both["spec"]["replicas"] != 2 or "volumeClaimTemplates" in both["spec"] or both["spec"]["updateStrategy"] != {"type": "OnDelete"}:
        problems.append("not two instances over one volume")
    base, config = (documents(ROOT / f"deploy/{folder}/greenroom.yaml")[0] for folder in ("base", "standby"))
    election = config.get("kubernetes", {}).get("election", {})
    lease = next(rule for rule in by_name["Role", "greenroom-election"]["rules"] if "resourceNames" in rule)
    if [election.get("lease")] != lease["resourceNames"] or election.get("namespace") != by_name["Role", "greenroom-election"]["metadata"]["namespace"]:
        problems.append("the lease is not the one that may be written")
    problems += [f"{field} differs from deploy/base" for field in base if field != "kubernetes" and base[field] != config.get(field)]
    judge("deploy/standby: two instances, one log, one lease", problems)
    check_against_kubernetes([(Path("deploy/standby"), both)])


def check_jetstream(found):
    """Three instances over a replicated log: what deploy/jetstream makes of the StatefulSet, and that everything leads to the same NATS."""
    overlay = documents(ROOT / "deploy/jetstream/kustomization.yaml")[0]
    by_name = {(document["kind"], document["metadata"]["name"]): document for _, document in found}
    base_set = by_name["StatefulSet", "greenroom"]
    whole = patched(base_set, yaml.safe_load(overlay["patches"][0]["patch"]))
    pod = whole["spec"]["template"]["spec"]
    labels = whole["spec"]["template"]["metadata"]["labels"]
    problems = []
    if whole["spec"]["replicas"] != 3 or whole["spec"]["updateStrategy"]["type"] != "RollingUpdate":
        problems.append("not three instances that are updated one after the other")
    if whole["spec"].get("volumeClaimTemplates") != base_set["spec"]["volumeClaimTemplates"]:
        problems.append("no volume for each instance")
    terms = pod["affinity"].get("podAntiAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", [])
    if [(term["topologyKey"], term["labelSelector"]["matchLabels"].items() <= labels.items()) for term in terms] != [("kubernetes.io/hostname", True)]:
        problems.append("two instances may be on one node")
    budget = by_name["PodDisruptionBudget", "greenroom"]["spec"]
    if budget.get("maxUnavailable") != 1 or not budget["selector"]["matchLabels"].items() <= labels.items():
        problems.append("a drain may take more than one instance")
    if pod["terminationGracePeriodSeconds"] < 30:
        problems.append("too little time to hand the lead over")
    mounts = {mount["mountPath"]: mount for mount in pod["containers"][0]["volumeMounts"]}
    volumes = {volume["name"] for volume in pod["volumes"]} | {claim["metadata"]["name"] for claim in whole["spec"]["volumeClaimTemplates"]}
    problems += [f"no volume {mount['name']}" for mount in mounts.values() if mount["name"] not in volumes]
    base, config = (documents(ROOT / f"deploy/{folder}/greenroom.yaml")[0] for folder in ("base", "jetstream"))
    problems += [f"{field} differs from deploy/base" for field in base if base[field] != config.get(field)]
    jetstream = config["log"]["jetstream"]
    if config.get("kubernetes", {}).get("election"):
        problems.append("a Lease beside the log's own leader")
    for key, file in walk_values(jetstream):
        if isinstance(file, str) and file.startswith("/") and (str(Path(file).parent) not in mounts or not mounts[str(Path(file).parent)].get("readOnly")):
            problems.append(f"log.jetstream.{key}: {file} is on no read-only volume")
    dropped = [yaml.safe_load(patch["patch"]) for patch in overlay["patches"][1:]]
    problems += [f"{patch['kind']} {patch['metadata']['name']} is not there to be removed" for patch in dropped if (patch["kind"], patch["metadata"]["name"]) not in by_name]
    if not any(patch["kind"] == "Role" and patch["metadata"]["name"] == "greenroom-election" for patch in dropped):
        problems.append("the right to a Lease that nobody needs")
    judge("deploy/jetstream: three instances on three nodes, one log", problems)
    check_against_kubernetes([(Path("deploy/jetstream"), whole)])

    values = documents(ROOT / "deploy/jetstream/nats/values.yaml")[0]
    readme = (ROOT / "deploy/jetstream/README.md").read_text()
    problems = [] if values["config"]["cluster"] == {"enabled": True, "replicas": 3} else ["not three servers"]
    if values["config"]["jetstream"]["enabled"] is not True or values["config"]["jetstream"]["merge"].get("sync_interval") != "always":
        problems.append("no JetStream that syncs")
    if jetstream["replicas"] > values["config"]["cluster"]["replicas"]:
        problems.append("more replicas than servers")
    secret = values["container"]["env"]["GREENROOM_PASSWORD"]["valueFrom"]["secretKeyRef"]
    if f"secret generic {secret['name']} --from-literal={secret['key']}=" not in readme or "secret generic greenroom-nats --from-literal=" not in readme:
        problems.append("the README makes other secrets than are used")
    users = [user for account in values["config"]["merge"]["accounts"].values() for user in account["users"]]
    if jetstream.get("user") not in [user["user"] for user in users]:
        problems.append(f"the servers know no user {jetstream.get('user')}")
    rule = by_name["NetworkPolicy", "greenroom-jetstream"]["spec"]["egress"][0]
    namespace = rule["to"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
    for server in jetstream["servers"]:
        host, _, port = server.removeprefix("nats://").partition(":")
        if host != f"nats.{namespace}.svc" or int(port) not in [open_port["port"] for open_port in rule["ports"]]:
            problems.append(f"no way to {server} is open")
    if f"helm upgrade --install nats nats/nats --namespace {namespace} " not in readme:
        problems.append("the README installs NATS elsewhere")
    judge("deploy/jetstream: the servers, their user and the way to them", problems)


def walk_values(value, path=""):
    """Every scalar below `value`, with its path."""
    for key, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []:
        if isinstance(child, (dict, list)):
            yield from walk_values(child, f"{path}{key}.")
        else:
            yield f"{path}{key}", child


def check_rights(by_kind):
    account = by_kind["ServiceAccount"]["greenroom"]["metadata"]
    problems = []
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        for name, binding in by_kind[kind].items():
            role = binding["roleRef"]
            if role["name"] not in by_kind.get(role["kind"], {}) and role["name"] != "extension-apiserver-authentication-reader":
                problems.append(f"{name} binds a role that is not there, {role['name']}")
            for subject in binding["subjects"]:
                if (subject["name"], subject["namespace"]) not in ((account["name"], account["namespace"]), ("horizontal-pod-autoscaler", "kube-system")):
                    problems.append(f"{name} binds {subject['name']}")
    for rule in by_kind["ClusterRole"]["greenroom"]["rules"]:
        if "*" in rule["verbs"] + rule["resources"] + rule["apiGroups"] or "secrets" in rule["resources"]:
            problems.append(f"too much: {rule}")
        if any(resource.endswith("/scale") for resource in rule["resources"]) and set(rule["verbs"]) - {"get", "patch", "update"}:
            problems.append(f"too much: {rule}")
        targets = {"workerpools", "deployments", "statefulsets", "sandboxwarmpools"}
        if targets & set(rule["resources"]) and set(rule["verbs"]) - {"get", "list", "watch"}:
            problems.append(f"changes every target: {rule}")
    for rule in by_kind["Role"]["greenroom-fence"]["rules"]:
        if rule["verbs"] != ["patch"] or not rule.get("resourceNames"):
            problems.append(f"the fence takes patch on names: {rule}")
    judge("rights are bound to those who need them, and no more", problems)


# --- The CRD ----------------------------------------------------------------------------------------------------------------


def walk(schema, path=""):
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}".lstrip("."))
    if "items" in schema:
        yield from walk(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from walk(schema["additionalProperties"], f"{path}{{}}")


def check_structure(schema):
    """A structural schema: every field has a type, or says that any will do; arrays that rules walk are bounded."""
    problems = []
    for path, node in walk(schema):
        loose = node.get("x-kubernetes-preserve-unknown-fields") or node.get("x-kubernetes-int-or-string")
        if not node.get("type") and not loose:
            problems.append(f"{path} has no type")
        if node.get("type") == "array" and ("items" not in node or "maxItems" not in node):
            problems.append(f"{path} has no items or no limit")
        if node.get("type") == "string" and path.startswith("spec") and not ({"enum", "maxLength"} & node.keys()):
            problems.append(f"{path} has no limit")
        if "properties" in node and "additionalProperties" in node:
            problems.append(f"{path} has both properties and additionalProperties")
        for field in node.get("required", []):
            if field not in node.get("properties", {}):
                problems.append(f"{path} requires {field}, which it doesn't have")
        problems += [f"{path}: {key} with words or types answers with the wrong words" for key in ("anyOf", "oneOf", "allOf") if any("properties" in part or "type" in part for part in node.get(key, []))]
        if path and not node.get("description") and not path.endswith(("[]", "{}")):
            problems.append(f"{path} has no description")
        for rule in node.get("x-kubernetes-validations", []):
            field = rule.get("fieldPath", "").lstrip(".")
            if field and field not in node.get("properties", {}):
                problems.append(f"{path}: a rule is about {field}, which it doesn't have")
            # The server's rules see no field without a type, whatever cel-python sees.
            seen = node.get("properties") or node.get("items", {}).get("properties", {})
            for name in set(re.findall(r"\b(?:self|t|u|s)\.([A-Za-z]+)\b(?!\()", rule["rule"])):
                if not (seen.get(name, {}).get("type") or seen.get(name, {}).get("x-kubernetes-int-or-string")):
                    if name not in ("minReplicaCount", "replicas"):
                        problems.append(f"{path}: a rule looks at {name}, which has no type")
        if node.get("x-kubernetes-list-type") == "map":
            keys = node["x-kubernetes-list-map-keys"]
            problems += [f"{path} is told apart by {key}, which may be missing" for key in keys if key not in node["items"].get("required", [])]
    judge("the CRD's schema is structural", problems)


def strict(schema):
    """As the API server would with field validation Strict: what is not named is refused."""
    schema = {key: value for key, value in schema.items() if not key.startswith("x-kubernetes-")}
    if "properties" in schema and schema.get("type") == "object":
        schema["properties"] = {name: strict(child) for name, child in schema["properties"].items()}
        schema["additionalProperties"] = False
    if "items" in schema:
        schema["items"] = strict(schema["items"])
    return schema


def without_nulls(value):
    """The API server drops nulls of fields that are not nullable."""
    if isinstance(value, dict):
        return {key: without_nulls(child) for key, child in value.items() if child is not None}
    return [without_nulls(child) for child in value] if isinstance(value, list) else value


def rules(schema):
    return [(path, rule) for path, node in walk(schema) for rule in node.get("x-kubernetes-validations", [])]


def at(document, path):
    """Every value of the document at a schema's path."""
    values = [document]
    for step in [part for part in re.split(r"\.", path.replace("[]", ".[]")) if part]:
        if step == "[]":
            values = [element for value in values for element in value]
        else:
            values = [value[step] for value in values if step in value]
    return values


class Schema:
    def __init__(self, crd):
        self.schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        self.validator = self.programs = None
        try:
            import jsonschema

            whole = strict(self.schema)
            whole["properties"]["metadata"] = {"type": "object"}
            self.validator = jsonschema.Draft7Validator(whole)
        except ImportError:
            skip("the CRD's schema", "jsonschema is missing")
        try:
            import celpy

            self.celpy = celpy
            environment = celpy.Environment()
            self.programs = [(path, rule, environment.program(environment.compile(rule["rule"]))) for path, rule in rules(self.schema)]
            judge("the CRD's rules compile", [])
        except ImportError:
            skip("the CRD's rules", "cel-python is missing")

    def doubles(self, document):
        """Entries of lists that are maps, of one key."""
        for path, node in walk(self.schema):
            for entries in at(document, path) if node.get("x-kubernetes-list-type") == "map" else []:
                keys = [tuple(entry.get(key) for key in node["x-kubernetes-list-map-keys"]) for entry in entries]
                yield from (f"{path}[{number}]: Duplicate value: {key}" for number, key in enumerate(keys) if key in keys[:number])

    def problems(self, document):
        document = without_nulls(document)
        found = list(self.doubles(document))
        if self.validator:
            found += [f"{'.'.join(map(str, e.absolute_path))}: {e.message}" for e in self.validator.iter_errors(document)]
        if self.programs and not found:
            for path, rule, program in self.programs:
                for value in at(document, path):
                    if not program.evaluate({"self": self.celpy.json_to_cel(value)}):
                        found.append(f"{path}{rule.get('fieldPath', '')}: {rule['message']}")
        return found


TARGET = {"kind": "Process"}
PROMETHEUS = {"type": "prometheus", "serverAddress": "http://p:9090", "query": "up", "threshold": 1}
NATS = {"type": "nats-jetstream", "monitoringEndpoint": "http://n:8222", "stream": "s", "consumer": "c", "threshold": "3"}

# A spec without its target, and words of the refusal; "" is accepted.
CASES = [
    ({}, ""),
    ({"minReplicaCount": 3, "maxReplicaCount": 3, "idleReplicaCount": 2}, ""),
    ({"idleReplicaCount": 0}, ""),
    ({"mode": "recommend", "shadowOf": "live"}, ""),
    ({"shadowOf": "live"}, "a shadow is never followed"),
    ({"minReplicaCount": 101}, "minReplicaCount must not be more"),
    ({"minReplicaCount": 3, "maxReplicaCount": 2}, "minReplicaCount must not be more"),
    ({"minReplicaCount": 3, "idleReplicaCount": 3}, "must be below"),
    ({"buffer": {"spare": 1}}, ""),
    ({"buffer": {"surge": {"quantile": 0.97, "windowSeconds": 900}}}, ""),
    ({"buffer": {}}, "exactly one"),
    ({"buffer": {"spare": 1, "sparePercent": 5}}, "exactly one"),
    ({"maxReplicaCount": 5, "fallback": {"failureThreshold": 3, "replicas": 6}}, "fallback.replicas"),
    ({"maxReplicaCount": 5, "schedules": [{"cron": "@daily", "durationSeconds": 60, "minReplicaCount": 6}]}, "a schedule's"),
    ({"scaleTargetRef": {"kind": "Deployment", "name": "d", "command": ["x"]}}, "only kind: Process"),
    ({"scaleTargetRef": {"kind": "Process", "name": "d", "command": ["x"]}}, ""),
    ({"scaleTargetRef": {"kind": "Process"}}, ""),
    ({"scaleTargetRef": {"kind": "Deployment"}}, "name is missing"),
    ({"triggers": [{"type": "demand", "threshold": "1.5"}, {"type": "observed", "metric": "m", "threshold": "500m"}, PROMETHEUS, NATS]}, ""),
    ({"triggers": [{"type": "demand", "metric": "m", "threshold": 1}]}, "metric and selector"),
    ({"triggers": [{"type": "demand", "staleAfter": 5}]}, "never stale"),
    ({"triggers": [{"type": "observed", "threshold": 1}]}, "spec.triggers[].metric: metric is missing"),
    ({"triggers": [{"type": "prometheus", "threshold": 1}]}, "spec.triggers[].serverAddress: serverAddress is missing"),
    ({"triggers": [{"type": "prometheus", "threshold": 1, "serverAddress": "http://p:9090"}]}, "spec.triggers[].query: query is missing"),
    ({"triggers": [{"type": "nats-jetstream", "threshold": 1}]}, "spec.triggers[].monitoringEndpoint: monitoringEndpoint is missing"),
    ({"triggers": [{**NATS, "stream": None}]}, "spec.triggers[].stream: stream is missing"),
    ({"triggers": [{**NATS, "consumer": None}]}, "spec.triggers[].consumer: consumer is missing"),
    *[({"triggers": [{**trigger, "threshold": None}]}, "not valid under any") for trigger in (PROMETHEUS, NATS, {"type": "observed", "metric": "m"})],
    ({"triggers": [{"type": "demand"}]}, ""),
    ({"triggers": [PROMETHEUS, {**PROMETHEUS, "query": "down"}]}, "two triggers have one name"),
    ({"triggers": [PROMETHEUS, {**PROMETHEUS, "name": "other"}, NATS]}, ""),
    ({"triggers": [{"type": "observed", "metric": "demand", "threshold": 1}, {"type": "demand"}]}, "two triggers have one name"),
    ({"triggers": [{"type": "observed", "metric": "m", "threshold": 1, "name": "a"}, {"type": "observed", "metric": "m", "threshold": 1}]}, ""),
    ({"quotas": [{"tenant": "a", "maxRunning": 1}, {"tenant": "b", "maxRunning": 1}]}, ""),
    ({"quotas": [{"tenant": "a", "maxRunning": 1}, {"tenant": "a", "maxRunning": 2}]}, "Duplicate value"),
    ({"scaleTargetRef": {"kind": "Widget", "name": "w"}}, "spec.scaleTargetRef.apiVersion: apiVersion is missing"),
    ({"scaleTargetRef": {"kind": "Widget", "apiVersion": "example.com/v1", "name": "w"}}, ""),
    ({"triggers": [{"type": "observed", "metric": "m", "threshold": 1, "intervalSeconds": 5}]}, "types that are fetched"),
    ({"triggers": [{**PROMETHEUS, "stream": "s"}]}, "nats-jetstream"),
    ({"triggers": [{**NATS, "query": "up"}]}, "prometheus"),
    ({"triggers": [{**PROMETHEUS, "serverAddress": "http://me:secret@p"}]}, "does not match"),
    ({"triggers": [{**PROMETHEUS, "bearerTokenFile": "/etc/passwd"}]}, "does not match"),
    ({"triggers": [{**PROMETHEUS, "tls": {"certFile": "c"}}]}, "belong together"),
    ({"triggers": [{**PROMETHEUS, "threshold": -1}]}, "minimum"),
    ({"triggers": [{**PROMETHEUS, "threshold": "many"}]}, "does not match"),
    ({"triggers": [{"type": "cpu"}]}, "is not one of"),
    ({"coolDownPeriod": 5}, "unexpected"),
    ({"placement": {"localWaitSeconds": "auto"}}, ""),
    ({"placement": {"localWaitSeconds": 5}}, ""),
    ({"placement": {"localWaitSeconds": "soon"}}, "does not match"),
    ({"placement": {"prefetch": True}}, ""),
    ({"placement": {"prefetch": "yes"}}, "boolean"),
    ({"pause": {"hold": -1}}, "minimum"),
    ({"workers": {"busy": {"http": {"port": 8080, "path": "/busy"}, "unknown": "free", "unknownSeconds": 0}}}, ""),
    ({"workers": {"busy": {"metric": {"port": "metrics", "name": "tasks_in_flight", "selector": {"queue": "a"}}}}}, ""),
    ({"workers": {"busy": {"annotation": "example.com/tasks"}}}, ""),
    ({"workers": {"busy": {"annotation": "example.com/a/b"}}}, "does not match"),
    ({"workers": {"busy": {"http": {"port": 8080}}}}, "required"),
    ({"workers": {"busy": {"http": {"port": 8080, "path": "busy"}}}}, "does not match"),
    ({"workers": {"busy": {"metric": {"port": 8080, "name": "a-b"}}}}, "does not match"),
    ({"workers": {"busy": {"annotation": "a", "intervalSeconds": 0}}}, "minimum"),
    ({"workers": {"busy": {"annotation": "a", "unknown": "idle"}}}, "is not one of"),
    ({"workers": {"busy": {"annotation": "a", "interval": 5}}}, "unexpected"),
]


def check_cases(schema):
    if not schema.validator or not schema.programs:
        return
    for spec, words in CASES:
        document = {"apiVersion": "greenroom.dev/v1", "kind": "WorkerPoolAutoscaler", "metadata": {"name": "a"}, "spec": {"scaleTargetRef": {**TARGET, "name": "a"}, **spec}}
        found = schema.problems(document)
        fits = any(words in problem for problem in found) if words else not found
        judge(f"the CRD {'refuses' if words else 'takes'} {spec}", [] if fits else [f"it says {found}"])


def check_policies(schema, program):
    paths = sorted((ROOT / "docs/examples").glob("*.yaml"))
    for path in paths:
        for document in documents(path):
            if document.get("kind") == "WorkerPoolAutoscaler":
                judge(f"the CRD takes {path.relative_to(ROOT)}", schema.problems(document))
    for page in ("docs/kubernetes.md", "docs/policies.md"):
        for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(), re.S)):
            for document in yaml.safe_load_all(block):
                if isinstance(document, dict) and document.get("kind") == "WorkerPoolAutoscaler":
                    judge(f"the CRD takes policy {number + 1} of {page}", schema.problems(document))
    if not program:
        return skip("what policy convert makes", "no --greenroom was named")
    for path in sorted((ROOT / "Tests/PoliciesTests/Fixtures").glob("*.yaml")):
        for form in ("yaml", "json"):
            done = subprocess.run([program, "policy", "convert", path, "-o", form], capture_output=True, text=True, timeout=60)
            problems = [done.stderr] if done.returncode else []
            problems += [problem for document in yaml.safe_load_all(done.stdout) for problem in schema.problems(document)]
            checked = subprocess.run([program, "policy", "check", "-"], input=done.stdout, capture_output=True, text=True, timeout=60)
            judge(f"the CRD and policy check take what policy convert makes of {path.name} as {form}", problems + ([checked.stderr] if checked.returncode else []))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", default=str(ROOT / ".build-peers" / "manifests"))
    parser.add_argument("--greenroom")
    options = parser.parse_args()
    enter_venv(options.venv)
    global yaml
    try:
        import yaml
    except ImportError:
        return skip("all manifests", "PyYAML is missing")
    found = manifests()
    check_form(found)
    check_kustomizations()
    check_agreement(found)
    check_standby(found)
    check_substrate(found)
    check_jetstream(found)
    check_against_kubernetes(found)
    check_against_server()
    crd = next(document for _, document in found if document["kind"] == "CustomResourceDefinition")
    schema = Schema(crd)
    check_structure(schema.schema)
    check_cases(schema)
    check_policies(schema, options.greenroom)
    print(f"{'all right' if not wrong else f'{len(wrong)} wrong'}")
    sys.exit(1 if wrong else 0)


main()
