"""Reads batches of OTLP in JSON, one a line of the file it is given, by the messages of OpenTelemetry, and prints their
spans. A member that the messages do not have is an error."""

import base64
import json
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

IDS = ("traceId", "spanId", "parentSpanId")


def with_bytes(value):
    """OTLP writes ids in hexadecimal digits where the mapping of protobuf has base64."""
    if isinstance(value, list):
        return [with_bytes(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64encode(bytes.fromhex(one)).decode() if key in IDS else with_bytes(one) for key, one in value.items()
    }


def attributes(owner):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in owner.attributes}


spans = []
for line in open(sys.argv[1], encoding="utf-8"):
    batch = json_format.ParseDict(with_bytes(json.loads(line)), ExportTraceServiceRequest())
    for resource in batch.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                assert len(span.trace_id) == 16 and len(span.span_id) == 8
                spans.append(
                    {
                        "name": span.name,
                        "kind": Span.SpanKind.Name(span.kind),
                        "trace": span.trace_id.hex(),
                        "span": span.span_id.hex(),
                        "parent": span.parent_span_id.hex(),
                        "state": span.trace_state,
                        "links": [[link.trace_id.hex(), link.span_id.hex()] for link in span.links],
                        "failed": span.status.code == span.status.STATUS_CODE_ERROR,
                        "lasted": span.end_time_unix_nano - span.start_time_unix_nano,
                        "attributes": attributes(span),
                        "resource": attributes(resource.resource),
                        "scope": scope.scope.name,
                    }
                )
print(json.dumps(spans))
