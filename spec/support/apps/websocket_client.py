"""Does what WebSockets are for at the address it is given, and prints what came of it. With "stay" it says that it is connected, and
how the connection ended."""

import json
import os
import sys
import time

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

url = sys.argv[1]
if sys.argv[2:] == ["stay"]:
    with connect(url) as socket:
        print("connected", flush=True)
        try:
            socket.recv()
        except ConnectionClosed as closed:
            print(json.dumps({"code": closed.rcvd.code if closed.rcvd else None}), flush=True)
    sys.exit()

found = {}
with connect(url, max_size=None) as socket:
    socket.send("hello")
    found["text"] = socket.recv()
    socket.send([b"in ", b"three ", b"pieces"])
    found["pieces"] = socket.recv().decode()
    began = time.monotonic()
    found["pong"] = socket.ping(b"are you there?").wait(5)
    found["ping_seconds"] = time.monotonic() - began
    big = os.urandom(1 << 20)
    socket.send(big)
    found["big"] = socket.recv() == big
    for number in range(200):
        socket.send(str(number))
    found["in_order"] = [int(socket.recv()) for _ in range(200)] == list(range(200))
found["closed"] = [socket.close_code, socket.close_reason]

with connect(url) as socket:
    socket.send("bye")
    try:
        socket.recv()
    except ConnectionClosed as closed:
        found["server_closed"] = [closed.rcvd.code, closed.rcvd.reason]
print(json.dumps(found))
