"""Hear mgcld with pyzmq alone."""

import json
import sys

import zmq

socket = zmq.Context().socket(zmq.SUB)
socket.connect(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5765")
socket.subscribe("mgcl/v1/prob/")  # or one source: mgcl/v1/prob/kitchen/
while True:
    topic, header, body = socket.recv_multipart()
    source, (name, p) = json.loads(header)["source"], json.loads(body)["top"][0]
    print(f"{source}: {name} {p:.2f}", flush=True)
