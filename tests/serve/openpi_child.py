"""A robot with openpi's own client and nothing of this library: `test_openpi` runs it in an environment of that client's.

openpi_child.py PORT TOKEN < messages, one JSON per line, arrays as nested lists. Prints what came back, one JSON per line.
"""

import json
import sys

import numpy as np
from openpi_client.action_chunk_broker import ActionChunkBroker
from openpi_client.websocket_client_policy import WebsocketClientPolicy


def main() -> None:
    """Metadata, a chunk, its steps one after the other, and a message that the server refuses."""
    client = WebsocketClientPolicy("127.0.0.1", int(sys.argv[1]), api_key=sys.argv[2])
    messages = [_arrays(json.loads(line)) for line in sys.stdin]
    print(json.dumps(client.get_server_metadata()))
    chunk = client.infer(messages[0])["actions"]
    print(json.dumps({"type": str(chunk.dtype), "actions": chunk.tolist()}))
    broker = ActionChunkBroker(client, action_horizon=2)
    print(json.dumps([broker.infer(message)["actions"].tolist() for message in messages[1:]]))
    try:
        client.infer({**messages[0], "prompt": "fold the shirt"})
    except RuntimeError as error:
        print(json.dumps(str(error)))


def _arrays(told: dict) -> dict:
    kinds = {"observation/image": np.uint8, "observation/wrist_image": np.uint8, "observation/state": np.float32}
    return {name: np.array(value, kinds[name]) if name in kinds else value for name, value in told.items()}


if __name__ == "__main__":
    main()
