"""An application beside two models: finds them in its environment and calls them directly. Prints one line of JSON."""

import json
import os
import urllib.request

import grpc
from digits import digits_pb2, digits_pb2_grpc
from digits.held_out import held_out

# host:port of every replica, separated by commas: what a gRPC channel takes as ipv4:a,b and spreads its calls over.
addresses = os.environ["DIGITS_ADDR"].split(",")
options = [("grpc.service_config", json.dumps({"loadBalancingConfig": [{"round_robin": {}}]}))]
stub = digits_pb2_grpc.DigitsStub(grpc.insecure_channel("ipv4:" + ",".join(addresses), options))
rows = held_out()[:60]
answers = [
    stub.Classify(digits_pb2.ClassifyRequest(image=digits_pb2.Image(pixels=row.pixels)), timeout=10, wait_for_ready=True)
    for row in rows
]

request = urllib.request.Request(
    os.environ["LLM_URL"] + "/v1/completions",
    data=json.dumps({"prompt": "Hello", "max_tokens": 4}).encode(),
    headers={"content-type": "application/json"},
)
with urllib.request.urlopen(request, timeout=30) as response:
    completion = json.load(response)

print(
    json.dumps(
        {
            "replicas": len({answer.replica for answer in answers}),
            "correct": sum(answer.digit == row.digit for answer, row in zip(answers, rows, strict=True)),
            "calls": len(rows),
            "llm": completion["choices"][0]["finish_reason"],
        }
    )
)
