"""Another process that subscribes with pyzmq alone and prints each message as a line of JSON."""

import json
import sys

import zmq

socket = zmq.Context().socket(zmq.SUB)
socket.connect(sys.argv[1])
for topic in sys.argv[2:]:
    socket.subscribe(topic)
while True:
    topic, header, body = socket.recv_multipart()
    message = {"topic": topic.decode(), "header": json.loads(header), "body": json.loads(body)}
    print(json.dumps(message), flush=True)
