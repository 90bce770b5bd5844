"""Makes calls of every kind at the address it is given, and prints what came of them."""

import json
import queue
import sys

import grpc

channel = grpc.insecure_channel(sys.argv[1], options=(("grpc.max_receive_message_length", -1),))


def outcome(call, replies):
    return {"replies": replies, "code": call.code().value[0], "trailers": {k: str(v) for k, v in call.trailing_metadata()}}


def unary(message, **options):
    method = channel.unary_unary("/test.Echo/Unary")
    try:
        reply, call = method.with_call(message, **options)
        return {**outcome(call, reply.decode()[:40]), "head": {k: v for k, v in call.initial_metadata()}, "size": len(reply)}
    except grpc.RpcError as error:
        trailers = {key: list(value) if key.endswith("-bin") else value for key, value in error.trailing_metadata()}
        return {"code": error.code().value[0], "message": error.details(), "trailers": trailers}


def collect():
    reply, call = channel.stream_unary("/test.Echo/Collect").with_call(iter([b"a", b"b", b"c"]))
    return outcome(call, reply.decode())


def expand():
    call = channel.unary_stream("/test.Echo/Expand")(b"3")
    return outcome(call, [reply.decode() for reply in call])


def chat():
    """Sends each message only when the one before has come back."""
    turns = queue.Queue()
    call = channel.stream_stream("/test.Echo/Chat")(iter(turns.get, None))
    replies = []
    for word in (b"one", b"two", b"three"):
        turns.put(word)
        replies.append(next(call).decode())
    turns.put(None)
    replies.extend(reply.decode() for reply in call)
    return outcome(call, replies)


print(
    json.dumps(
        {
            "unary": unary(b"hello", timeout=30),
            "compressed": unary(b"z" * 1_000_000, compression=grpc.Compression.Gzip),
            "failed": unary(b"fail"),
            "collect": collect(),
            "expand": expand(),
            "chat": chat(),
        }
    )
)
