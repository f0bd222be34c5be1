#!/usr/bin/env python3
"""Does a stock gRPC client, made from our .proto as KEDA's is, get the right answers from Greenroom's external scaler?

    keda_peers.py --http http://127.0.0.1:8080 --scaler 127.0.0.1:9090 [--streams N] [--activations 200] [--venv DIR]

Speaks with Python's grpcio; events and policies go in over HTTP, so the way is the whole one: request → log → loop → push. One
line a case: `ok`, `WRONG` with what came instead, or `SKIPPED` with what is missing; then the measured latencies of pushes. Exits
0 where nothing was wrong. `--streams` is the server's limit of open streams, where clients that disappear shall be tried too.
grpcio is put into a virtual environment of its own (default .build-peers/keda-venv); without PyPI everything is skipped.
"""

import argparse
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime, timezone

from packages import enter_venv

RUN = f"{int(time.time())}-{os.getpid()}"
PACKAGES = ["grpcio", "grpcio-tools"]
PROTO = pathlib.Path(__file__).resolve().parents[2] / "Sources/KEDAScaler/Protos/externalscaler.proto"
# A busy machine may take its time; nothing here is a timed test.
PATIENCE_SECONDS = 30
NAMESPACE, POOL = "peers", f"keda-{RUN}"

wrong, passed = [], 0


def say(line):
    print(line, flush=True)


def check(name, problem=None):
    global passed
    if problem:
        wrong.append(name)
        say(f"WRONG    {name}: {problem}")
    else:
        passed += 1
        say(f"ok       {name}")


def equal(name, got, wanted):
    check(name, None if got == wanted else f"got {got!r}, wanted {wanted!r}")


# --- Greenroom over HTTP --------------------------------------------------------------------------------------------------


class Greenroom:
    def __init__(self, base):
        self.base, self.number = base, 0

    def ask(self, method, path, body=None, kind="application/json"):
        data = None if body is None else (body if isinstance(body, bytes) else json.dumps(body).encode())
        request = urllib.request.Request(self.base + path, data, {"content-type": kind}, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return json.loads(answer.read() or b"null")

    def send(self, kind, actor):
        self.number += 1
        return self.ask("POST", "/v1/events", {
            "specversion": "1.0", "type": f"dev.greenroom.{kind}", "source": "peers", "id": f"keda-{RUN}-{self.number}",
            "subject": actor, "data": {"pool": f"{NAMESPACE}/{POOL}"}}, "application/cloudevents+json")

    def committed_at(self, seq):
        """When the log stamped the commit of that position, in seconds since 1970."""
        request = f"{self.base}/v1/events?after={seq - 1}&limit=1"
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            at = json.loads(answer.readline())["at"]
        return datetime.strptime(at, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp()

    def apply(self, slots):
        self.ask("PUT", f"/v1/policies/{NAMESPACE}/{POOL}", f"""
apiVersion: greenroom.dev/v1
kind: WorkerPoolAutoscaler
metadata: {{name: {POOL}, namespace: {NAMESPACE}}}
spec:
  mode: recommend
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {POOL}}}
  slotsPerWorker: {slots}
  minReplicaCount: 0
  maxReplicaCount: 20
  triggers: [{{type: demand, threshold: {slots}}}]
""".encode(), "application/yaml")


# --- The scaler over gRPC -------------------------------------------------------------------------------------------------


def stubs(folder):
    from grpc_tools import protoc

    status = protoc.main(["protoc", f"-I{PROTO.parent}", f"--python_out={folder}", f"--grpc_python_out={folder}", PROTO.name])
    if status != 0:
        raise SystemExit(f"protoc could not compile {PROTO}")
    sys.path.insert(0, folder)
    import externalscaler_pb2
    import externalscaler_pb2_grpc

    return externalscaler_pb2, externalscaler_pb2_grpc


class Scaler:
    def __init__(self, target, folder):
        import grpc

        self.grpc = grpc
        self.messages, services = stubs(folder)
        self.channel = grpc.insecure_channel(target)
        self.stub = services.ExternalScalerStub(self.channel)

    def object(self, pool=POOL, **metadata):
        return self.messages.ScaledObjectRef(
            name="agent-scaler", namespace=NAMESPACE, scalerMetadata={"scalerAddress": "greenroom:9090", "pool": pool, **metadata})

    def value(self, name, /, **metadata):
        answer = self.stub.GetMetrics(
            self.messages.GetMetricsRequest(scaledObjectRef=self.object(**metadata), metricName=name), timeout=PATIENCE_SECONDS)
        return [(v.metricName, v.metricValue, v.metricValueFloat) for v in answer.metricValues]

    def specs(self, answer):
        return [(s.metricName, s.targetSize, s.targetSizeFloat) for s in answer.metricSpecs]

    def refusal(self, call):
        try:
            call()
        except self.grpc.RpcError as error:
            return error.code().name, error.details()
        return "OK", ""

    def pushes(self, call, request):
        return call(request, timeout=PATIENCE_SECONDS * 10)


def questions(greenroom, scaler):
    stub, grpc_object = scaler.stub, scaler.object
    equal("IsActive: a pool at rest", stub.IsActive(grpc_object()).result, False)
    greenroom.send("actor.requested", f"first-{RUN}")
    equal("IsActive: a pool with demand", stub.IsActive(grpc_object(pool=f"{NAMESPACE}/{POOL}")).result, True)
    equal("IsActive: below its own threshold", stub.IsActive(grpc_object(activationThreshold="1")).result, False)
    equal("GetMetricSpec: the default", scaler.specs(stub.GetMetricSpec(grpc_object())), [("greenroom_desired_workers", 1, 1.0)])
    equal("GetMetricSpec: demand by slots", scaler.specs(stub.GetMetricSpec(grpc_object(metric="demand"))), [("greenroom_demand", 2, 2.0)])
    equal(
        "GetMetricSpec: a target of 2.5", scaler.specs(stub.GetMetricSpec(grpc_object(metric="queue_depth", targetSize="2.5"))),
        [("greenroom_queue_depth", 3, 2.5)])
    equal("GetMetrics: demand", scaler.value("greenroom_demand", metric="demand"), [("greenroom_demand", 1, 1.0)])
    wanted = [("greenroom_desired_workers", 1, 1.0)]
    until = time.monotonic() + PATIENCE_SECONDS
    while scaler.value("greenroom_desired_workers") != wanted and time.monotonic() < until:
        time.sleep(0.01)
    equal("GetMetrics: desired workers, once decided", scaler.value("greenroom_desired_workers"), wanted)
    greenroom.send("actor.withdrawn", f"first-{RUN}")


def refusals(scaler):
    for name, call in [
        ("IsActive", lambda o: scaler.stub.IsActive(o)), ("GetMetricSpec", lambda o: scaler.stub.GetMetricSpec(o)),
        ("GetMetrics", lambda o: scaler.stub.GetMetrics(scaler.messages.GetMetricsRequest(scaledObjectRef=o, metricName="greenroom_demand"))),
        ("StreamIsActive", lambda o: next(scaler.stub.StreamIsActive(o))), ("StreamMetricSpec", lambda o: next(scaler.stub.StreamMetricSpec(o))),
    ]:
        code, details = scaler.refusal(lambda: call(scaler.object(pool="nowhere")))
        check(f"{name}: an unknown pool", None if code == "NOT_FOUND" and f"{NAMESPACE}/{POOL}" in details else f"{code}: {details}")
        code, details = scaler.refusal(lambda: call(scaler.object(targetSize="few")))
        check(f"{name}: a bad target", None if code == "INVALID_ARGUMENT" and "targetSize" in details else f"{code}: {details}")
    code, details = scaler.refusal(lambda: scaler.value("cpu"))
    check("GetMetrics: an unknown metric", None if code == "INVALID_ARGUMENT" and "greenroom_demand" in details else f"{code}: {details}")


def specs_follow(greenroom, scaler):
    pushed = scaler.pushes(scaler.stub.StreamMetricSpec, scaler.object(metric="demand"))
    equal("StreamMetricSpec: at once", scaler.specs(next(pushed)), [("greenroom_demand", 2, 2.0)])
    greenroom.apply(slots=5)
    changed = next(pushed)
    equal("StreamMetricSpec: with a policy", scaler.specs(changed), [("greenroom_demand", 5, 5.0)])
    equal("GetMetricSpec agrees with it", scaler.specs(scaler.stub.GetMetricSpec(scaler.object(metric="demand"))), scaler.specs(changed))
    pushed.cancel()
    greenroom.apply(slots=2)


def two_streams(greenroom, scaler):
    first = scaler.pushes(scaler.stub.StreamIsActive, scaler.object())
    second = scaler.pushes(scaler.stub.StreamIsActive, scaler.object())
    equal("two streams: both at rest", [next(first).result, next(second).result], [False, False])
    greenroom.send("actor.requested", f"two-{RUN}")
    equal("two streams: both activated", [next(first).result, next(second).result], [True, True])
    first.cancel()
    greenroom.send("actor.withdrawn", f"two-{RUN}")
    equal("two streams: one left, the other goes on", next(second).result, False)
    second.cancel()


def hear(scaler, pushed, heard):
    try:
        for answer in pushed:
            heard.put((time.time(), answer.result))
    except scaler.grpc.RpcError:
        pass  # The stream was cancelled: that is how this ends.


def latencies(greenroom, scaler, activations):
    pushed = scaler.pushes(scaler.stub.StreamIsActive, scaler.object())
    next(pushed)
    # A thread of its own stamps each push as it comes, whether or not its request was acknowledged yet.
    heard = queue.Queue()
    threading.Thread(target=hear, args=(scaler, pushed, heard), daemon=True).start()
    since_commit, since_acknowledged, problems = [], [], []
    for number in range(activations):
        receipt = greenroom.send("actor.requested", f"push-{RUN}-{number}")
        acknowledged = time.time()
        received, result = heard.get(timeout=PATIENCE_SECONDS)
        if not result:
            problems.append(f"activation {number} was pushed as inactive")
        since_commit.append(received - greenroom.committed_at(receipt["firstSeq"]))
        since_acknowledged.append(received - acknowledged)
        greenroom.send("actor.withdrawn", f"push-{RUN}-{number}")
        if heard.get(timeout=PATIENCE_SECONDS)[1]:
            problems.append(f"rest {number} was pushed as active")
    pushed.cancel()
    check(f"StreamIsActive: {activations} activations and rests, each pushed", "; ".join(problems[:3]))
    for name, values in [("the commit's log time (its sync to disk included)", since_commit), ("the acknowledgement", since_acknowledged)]:
        values.sort()
        p50, p99 = values[len(values) // 2], values[min(len(values) - 1, len(values) * 99 // 100)]
        say(f"MEASURED push after {name}: p50 {p50 * 1e3:.2f} ms, p99 {p99 * 1e3:.2f} ms, max {values[-1] * 1e3:.2f} ms over {len(values)}")


def lost_clients(scaler, target, limit):
    """Clients that are killed give their places back."""
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); import grpc, externalscaler_pb2 as m, externalscaler_pb2_grpc as s\n"
        "stub = s.ExternalScalerStub(grpc.insecure_channel(sys.argv[2]))\n"
        "object = m.ScaledObjectRef(name='x', namespace=sys.argv[3], scalerMetadata={'pool': sys.argv[4]})\n"
        "streams = [stub.StreamIsActive(object) for _ in range(int(sys.argv[5]))]\n"
        "print(sum(1 for x in streams if not next(x).result), flush=True); time.sleep(600)\n")
    child = subprocess.Popen([sys.executable, "-c", code, sys.path[0], target, NAMESPACE, POOL, str(limit)], stdout=subprocess.PIPE, text=True)
    try:
        opened = child.stdout.readline().strip()
        equal("a client with as many streams as there may be", opened, str(limit))
        code, details = scaler.refusal(lambda: next(scaler.stub.StreamIsActive(scaler.object())))
        check("one stream more", None if code == "RESOURCE_EXHAUSTED" else f"{code}: {details}")
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    until = time.monotonic() + PATIENCE_SECONDS
    while (code := scaler.refusal(lambda: next(scaler.stub.StreamIsActive(scaler.object())))[0]) != "OK" and time.monotonic() < until:
        time.sleep(0.05)
    equal("that client is killed: its streams end", code, "OK")


# --- All of it ------------------------------------------------------------------------------------------------------------


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--http", required=True)
    parser.add_argument("--scaler", required=True)
    parser.add_argument("--streams", type=int)
    parser.add_argument("--activations", type=int, default=200)
    parser.add_argument("--venv", default=".build-peers/keda-venv")
    options = parser.parse_args()
    why_not = enter_venv(options.venv, PACKAGES)
    if why_not:
        say(f"SKIPPED  every call by grpcio: {why_not}")
        return 0
    greenroom = Greenroom(options.http)
    greenroom.apply(slots=2)
    with tempfile.TemporaryDirectory() as folder:
        scaler = Scaler(options.scaler, folder)
        questions(greenroom, scaler)
        refusals(scaler)
        specs_follow(greenroom, scaler)
        two_streams(greenroom, scaler)
        latencies(greenroom, scaler, options.activations)
        if options.streams:
            lost_clients(scaler, options.scaler, options.streams)
        scaler.channel.close()
    say(f"{passed} right, {len(wrong)} wrong")
    return 1 if wrong else 0


sys.exit(main())
