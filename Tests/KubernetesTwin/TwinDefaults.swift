import Domain
import Kubernetes

// What does the API server add to an object that it is given?
//
// As far as it was recorded: a Deployment's and its containers' defaults, an event's deprecated fields, a pod's first status.

enum TwinDefaults {
    static func apply(_ resource: TwinResource, _ object: JSONValue) -> JSONValue {
        switch resource {
        case .deployments: deployment(object)
        case .statefulSets:
            filled(object, ["spec": filled(object["spec"], ["replicas": 1]), "status": ["replicas": 0, "availableReplicas": 0]])
        case .events: filled(object, ["deprecatedSource": [:], "deprecatedFirstTimestamp": nil, "deprecatedLastTimestamp": nil])
        case .pods: filled(podSpec(object), ["status": ["phase": "Pending", "qosClass": "BestEffort"]])
        default: object
        }
    }

    private static func deployment(_ object: JSONValue) -> JSONValue {
        var object = object
        object["spec"] = filled(
            object["spec"],
            [
                "replicas": 1, "strategy": ["type": "RollingUpdate", "rollingUpdate": ["maxUnavailable": "25%", "maxSurge": "25%"]],
                "revisionHistoryLimit": 10,
                "progressDeadlineSeconds": 600,
            ])
        object["spec"]["template"] = podSpec(object["spec"]["template"])
        object["status"] = [:]
        return object
    }

    private static func podSpec(_ object: JSONValue) -> JSONValue {
        var object = object
        let containers = object["spec"]["containers"].array.map {
            filled(
                $0,
                [
                    "resources": [:], "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                    "imagePullPolicy": "Always",
                ])
        }
        object["spec"] = filled(
            object["spec"],
            [
                "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst", "securityContext": [:],
                "schedulerName": "default-scheduler",
            ])
        object["spec"]["containers"] = .array(containers)
        return object
    }

    private static func filled(_ object: JSONValue, _ defaults: JSONValue) -> JSONValue {
        .object(defaults.members.merging(object.members) { $1 })
    }
}
