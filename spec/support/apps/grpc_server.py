"""The calls of grpc_server.rb that the specs make of Python's gRPC: messages are bytes, so that no code is generated."""

import time
from concurrent import futures

import grpc


def unary(message, context):
    if message.startswith(b"fail"):
        context.set_trailing_metadata((("x-why-bin", b"\x00\xff"),))
        context.abort(grpc.StatusCode.NOT_FOUND, "no s\u00f6\u00f6ch: 100 %")
    context.send_initial_metadata((("x-deadline", str(context.time_remaining())),))
    context.set_trailing_metadata((("x-trailer", "behind"),))
    return message


def collect(messages, context):
    return b",".join(messages)


def expand(message, context):
    for number in range(int(message)):
        yield b"message %d" % number


def chat(messages, context):
    for message in messages:
        yield message


handlers = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Collect": grpc.stream_unary_rpc_method_handler(collect),
    "Expand": grpc.unary_stream_rpc_method_handler(expand),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
}
server = grpc.server(futures.ThreadPoolExecutor(8), compression=grpc.Compression.Gzip)
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"listening on 127.0.0.1:{port}", flush=True)
time.sleep(600)
