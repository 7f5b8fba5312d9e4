"""What KubeRay's `ray.io/v1` and Kubernetes take, as far as docker/kuberay.yaml uses it.

Names, types and what is required, written down from KubeRay's API types (rayjob_types.go at
0057210, raycluster_types.go at 026f143) and from the reference of Kubernetes v1; whatever is not
listed here is refused, though they may know it.
"""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
YES_OR_NO: Schema = {"type": "boolean"}
TEXTS: Schema = {"type": "object", "additionalProperties": TEXT}
NAME: Schema = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"}
PORT: Schema = {"type": "integer", "minimum": 1, "maximum": 65535}
PORT_NAME: Schema = {"type": "string", "pattern": "^(?=.*[a-z])[-a-z0-9]{1,15}$"}
AMOUNT: Schema = {
    "type": ["string", "integer", "number"],
    "pattern": "^[0-9.]+(m|[kMGTPE]|[KMGTPE]i)?$",
}


def listed(items: Schema) -> Schema:
    return {"type": "array", "items": items, "minItems": 1}


def closed(*required: str, **properties: Schema) -> Schema:
    """An object that has no other fields than these."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


METADATA = closed(name=NAME, labels=TEXTS, annotations=TEXTS, namespace=NAME)
AMOUNTS: Schema = {"type": "object", "additionalProperties": AMOUNT}
CONTAINER = closed(
    "name",
    name=NAME,
    image=TEXT,
    command=listed(TEXT),
    args=listed(TEXT),
    env=listed(closed("name", name=TEXT, value=TEXT)),
    ports=listed(closed("containerPort", name=PORT_NAME, containerPort=PORT)),
    resources=closed(requests=AMOUNTS, limits=AMOUNTS),
    volumeMounts=listed(closed("name", "mountPath", name=NAME, mountPath=TEXT)),
)
POD_TEMPLATE = closed(
    "spec",
    metadata=METADATA,
    spec=closed(
        "containers",
        containers=listed(CONTAINER),
        terminationGracePeriodSeconds=WHOLE,
        volumes=listed(
            closed(
                "name",
                name=NAME,
                persistentVolumeClaim=closed("claimName", claimName=NAME, readOnly=YES_OR_NO),
            )
        ),
    ),
)
RAY_CLUSTER_SPEC = closed(
    "headGroupSpec",
    rayVersion=TEXT,
    headGroupSpec=closed(
        "rayStartParams", "template", rayStartParams=TEXTS, template=POD_TEMPLATE, serviceType=TEXT
    ),
    workerGroupSpecs=listed(
        closed(
            "groupName", "minReplicas", "maxReplicas", "rayStartParams", "template",
            groupName=TEXT, replicas=WHOLE, minReplicas=WHOLE, maxReplicas=WHOLE, numOfHosts=WHOLE,
            rayStartParams=TEXTS, template=POD_TEMPLATE,
        )
    ),
)  # fmt: skip
RAY_JOB = closed(
    "apiVersion", "kind", "metadata", "spec",
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayJob"},
    metadata=METADATA,
    spec=closed(
        "entrypoint", "rayClusterSpec",
        entrypoint=TEXT, rayClusterSpec=RAY_CLUSTER_SPEC, backoffLimit=WHOLE, suspend=YES_OR_NO,
        activeDeadlineSeconds={"type": "integer", "minimum": 1}, runtimeEnvYAML=TEXT,
        submissionMode={"enum": ["K8sJobMode", "HTTPMode", "InteractiveMode"]},
        shutdownAfterJobFinishes=YES_OR_NO, ttlSecondsAfterFinished=WHOLE,
    ),
)  # fmt: skip
SERVICE = closed(
    "apiVersion", "kind", "metadata", "spec",
    apiVersion={"const": "v1"},
    kind={"const": "Service"},
    metadata=METADATA,
    spec=closed(
        "ports",
        type=TEXT,
        selector=TEXTS,
        ports=listed(
            closed("port", name=PORT_NAME, port=PORT, targetPort={"anyOf": [PORT, PORT_NAME]})
        ),
    ),
)  # fmt: skip
VOLUME_CLAIM = closed(
    "apiVersion", "kind", "metadata", "spec",
    apiVersion={"const": "v1"},
    kind={"const": "PersistentVolumeClaim"},
    metadata=METADATA,
    spec=closed(
        "accessModes", "resources",
        accessModes=listed(
            {"enum": ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]}
        ),
        storageClassName=TEXT,
        resources=closed("requests", requests=AMOUNTS),
    ),
)  # fmt: skip
KINDS = {"RayJob": RAY_JOB, "Service": SERVICE, "PersistentVolumeClaim": VOLUME_CLAIM}
