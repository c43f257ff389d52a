"""Asks every call of the table through Python's grpc, knowing only what server reflection (v1) tells.

Writes one JSON object per call: its name, the status, the answer and the fields that an error complains about.
"""

import json
import os
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_status import rpc_status

DEADLINE = 10


class Reflection:
    """A pool of descriptors that fills itself from the server."""

    def __init__(self, channel):
        # The messages of v1 and v1alpha are the same but for their package; Python's package has v1alpha's only.
        self._ask = channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        self.pool = descriptor_pool.DescriptorPool()
        self._seen = set()

    def _one(self, **request):
        request = reflection_pb2.ServerReflectionRequest(**request)
        return next(iter(self._ask(iter([request]), timeout=DEADLINE)))

    def services(self):
        answer = self._one(list_services="")
        return sorted(service.name for service in answer.list_services_response.service)

    def service(self, name):
        self._add(self._one(file_containing_symbol=name))
        return self.pool.FindServiceByName(name)

    def _add(self, answer):
        files = [
            descriptor_pb2.FileDescriptorProto.FromString(each)
            for each in answer.file_descriptor_response.file_descriptor_proto
        ]
        if not files:
            raise RuntimeError(f"no descriptor: {answer}")
        given = {file.name: file for file in files}
        for file in files:
            self._add_file(file, given)

    def _add_file(self, file, given):
        if file.name in self._seen:
            return
        self._seen.add(file.name)
        for needed in file.dependency:
            if needed in given:
                self._add_file(given[needed], given)
            elif needed not in self._seen:
                self._add(self._one(file_by_filename=needed))
        self.pool.Add(file)


def violations(error):
    """Returns the fields that the details of an error complain about."""
    status = rpc_status.from_call(error)
    fields = []
    for detail in status.details if status else []:
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            fields += [violation.field for violation in bad.field_violations]
    return fields


def ask(channel, reflection, call):
    service, method = call["method"].split("/")
    method = reflection.service(f"placet.v1.{service}").methods_by_name[method]
    request = message_factory.GetMessageClass(method.input_type)()
    json_format.ParseDict(call["request"], request, descriptor_pool=reflection.pool)
    answer_class = message_factory.GetMessageClass(method.output_type)
    kind = channel.unary_stream if method.server_streaming else channel.unary_unary
    stub = kind(
        f"/placet.v1.{service}/{method.name}",
        request_serializer=type(request).SerializeToString,
        response_deserializer=answer_class.FromString,
    )
    try:
        answer = stub(request, timeout=DEADLINE)
        if method.server_streaming:
            stream, answer = answer, next(iter(answer))
            stream.cancel()
    except grpc.RpcError as error:
        return {"status": error.code().name, "message": error.details(), "violations": violations(error)}
    answer = json_format.MessageToDict(
        answer, always_print_fields_with_no_presence=True, descriptor_pool=reflection.pool
    )
    return {"status": "OK", "answer": answer}


def open_channel(address):
    """Connects in the clear, by TLS if DOOR_CA is set, and with a certificate of one's own if DOOR_CERT and DOOR_KEY are."""
    options = []
    if address.startswith("unix:"):
        # Without it the client sends the path of the socket as its authority, which HTTP/2 servers refuse.
        options.append(("grpc.default_authority", "localhost"))
    if "DOOR_CA" not in os.environ:
        return grpc.insecure_channel(address, options)
    read = lambda name: open(os.environ[name], "rb").read() if name in os.environ else None
    credentials = grpc.ssl_channel_credentials(read("DOOR_CA"), read("DOOR_KEY"), read("DOOR_CERT"))
    return grpc.secure_channel(address, credentials, [*options, ("grpc.ssl_target_name_override", "localhost")])


def main(address, table):
    calls = json.load(open(table, encoding="utf-8"))
    with open_channel(address) as channel:
        grpc.channel_ready_future(channel).result(timeout=DEADLINE)
        reflection = Reflection(channel)
        services = reflection.services()
        methods = [
            f"{name.removeprefix('placet.v1.')}/{method}"
            for name in services
            if name.startswith("placet.")
            for method in reflection.service(name).methods_by_name
        ]
        print(json.dumps({"services": services, "methods": methods}))
        stub = health_pb2_grpc.HealthStub(channel)
        for name in calls["health"]:
            try:
                answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=DEADLINE)
                status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
            except grpc.RpcError as error:
                status = error.code().name
            print(json.dumps({"health": name, "status": status}))
        for call in calls["calls"]:
            print(json.dumps({"name": call["name"], **ask(channel, reflection, call)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
