"""LiteLLM's Router in a process of its own environment; reads what to do, a line of JSON each, and says what it took.

It imports nothing of this project, since its environment has nothing of it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from importlib.metadata import version
from typing import Any

CALL = {
    # What is asked for: whether there is a context, and which of two models is asked first
    "healthy": (False, "good"),
    "history": (True, "good"),
    "failover": (False, "bad"),
}


def main() -> None:
    """Do as told until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # LiteLLM prints
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # its prices would be downloaded
    import litellm

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    logging.disable(logging.CRITICAL)
    setting = json.loads(sys.stdin.readline())
    router = _router(litellm, setting)
    print(json.dumps(version("litellm")), file=answers, flush=True)
    for line in sys.stdin:
        what, runs = json.loads(line)
        has_context, first = CALL[what]
        parameters: dict[str, Any] = {"model": first, "messages": [{"role": "user", "content": "Hi"}]}
        if has_context:
            parameters.update(messages=setting["messages"], tools=setting["tools"])
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(runs):
            answer = router.completion(**parameters)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        if answer.choices[0].message.content != "fine":
            raise AssertionError("LiteLLM got another answer")
        print(json.dumps({"cpu": cpu, "wall": wall}), file=answers, flush=True)


def _router(litellm: Any, setting: dict[str, Any]) -> Any:
    """Return a router that goes on at once, and remembers no failure, so that each call fails over."""
    models = [
        {
            "model_name": name,
            "litellm_params": {"model": f"openai/{setting['model']}", "api_base": url, "api_key": "fake-key"},
        }
        for name, url in (("good", setting["good"]), ("bad", setting["bad"]))
    ]
    fallbacks = [{"bad": ["good"]}]
    return litellm.Router(models, fallbacks=fallbacks, num_retries=0, max_fallbacks=1, disable_cooldowns=True)


if __name__ == "__main__":
    main()
