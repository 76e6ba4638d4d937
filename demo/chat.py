"""Asks an OpenAI-style server for a streamed chat completion, with what Python brings along; prints one line of JSON.

``python chat.py HOST:PORT QUESTION``
"""

from __future__ import annotations

import json
import sys
import urllib.request


def chat(address: str, content: str) -> dict[str, object]:
    """Returns how many pieces came, and what they said together. Raises ``urllib.error.HTTPError`` for a refusal."""
    body = {"model": "tiny", "stream": True, "max_tokens": 12, "messages": [{"role": "user", "content": content}]}
    request = urllib.request.Request(
        f"http://{address}/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    pieces: list[str] = []
    with urllib.request.urlopen(request, timeout=30) as response:
        for line in response:
            if line.startswith(b"data: {"):
                choices = json.loads(line.removeprefix(b"data: "))["choices"]
                pieces.append((choices[0]["delta"].get("content") or "") if choices else "")
    return {"pieces": len(pieces), "text": "".join(pieces)}


if __name__ == "__main__":
    print(json.dumps(chat(sys.argv[1], sys.argv[2])))
