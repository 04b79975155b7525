"""Texts with calls and without, and ways to cut them."""

from __future__ import annotations

from hypothesis import strategies as st

from langchain_nvgateway.answers.leak_watch import LeakWatch

__all__ = ["CALL", "LEAKS", "OFFERED", "TEXTS", "fed", "pieces_of"]

OFFERED = ("get_weather", "get_time")
CALL = '{"name": "get_weather", "arguments": {"city": "Oslo"}}'

LEAKS: dict[str, str] = {
    "JSON": CALL,
    "JSON with parameters": '{"name": "get_weather", "parameters": {"city": "Oslo"}}',
    "JSON with its type": '{"type": "function", "name": "get_weather", "parameters": {"city": "Oslo"}}',
    "JSON as OpenAI has it": f'{{"id": "a", "type": "function", "function": {CALL}}}',
    "JSON in OpenAI's list": f'{{"tool_calls": [{{"function": {CALL}}}]}}',
    "JSON of functions": f'{{"function_call": {CALL}}}',
    "JSON of many": '{"tool_uses": [{"recipient_name": "functions.get_weather", "parameters": {}}]}',
    "JSON of an action": '{"action": "get_weather", "action_input": {"city": "Oslo"}}',
    "JSON with the namespace": '{"name": "functions.get_weather", "arguments": {}}',
    "JSON over lines": '{\n  "name": "get_weather",\n  "arguments": {}\n}',
    "JSON with raw line breaks": '{"name": "get_weather", "arguments": {"city": "a\nb"}}',
    "JSON, arguments first": '{"arguments": {"city": "Oslo"}, "name": "get_weather"}',
    "JSON, two calls": f"{CALL}\n{CALL}",
    "JSON, a list": f"[{CALL}, {CALL}]",
    "JSON, a list over lines": f"[\n  {CALL}\n]",
    "JSON, cut": CALL[:-6],
    "JSON with apostrophes": CALL.replace('"', "'"),
    "code": '[get_weather(city="Oslo")]',
    "code, two calls": '[get_weather(city="Oslo"), get_time()]',
    "code with the namespace": '[functions.get_weather(city="Oslo")]',
    "code with a blank": '[ get_weather(city="Oslo")]',
    "code without brackets": 'get_weather(city="Oslo")',
    "code without brackets, with the namespace": 'functions.get_weather(city="Oslo")',
    "llama 4": f"<|python_start|>{CALL}<|python_end|>",
    "llama 4, any code": "<|python_start|>print(1)<|python_end|>",
    "llama 3": f"<|python_tag|>{CALL}",
    "llama 3, any code": "<|python_tag|>brave_search.call(query='x')",
    "llama 3, a statement": "<|python_tag|>import os\nos.remove('a')",
    "llama 3, a function": '<function=get_weather>{"city": "Oslo"}</function>',
    "nemotron": f"<TOOLCALL>[{CALL}]</TOOLCALL>",
    "hermes": f"<tool_call>\n{CALL}\n</tool_call>",
    "hermes, many": f"<tool_calls>\n[{CALL}]\n</tool_calls>",
    "hermes, cut": "<tool_call>",
    "a tag without an underscore": f"<toolcall>{CALL}</toolcall>",
    "qwen coder": "<tool_call>\n<function=get_weather>\n<parameter=city>\nOslo\n</parameter>\n</function>",
    "functions": f"<function_call>{CALL}</function_call>",
    "claude": '<function_calls>\n<invoke name="get_weather">\n</invoke>\n</function_calls>',
    "claude, one": '<invoke name="get_weather"><parameter name="city">Oslo</parameter></invoke>',
    "gemma": "<start_function_call>call:get_weather{city:Oslo}<end_function_call>",
    "granite": f"<|tool_call|>[{CALL}]",
    "phi 4 mini": f"<|tool_calls|>[{CALL}]<|/tool_calls|>",
    "kimi": "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{}",
    "kimi, one": "<|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{}<|tool_call_end|>",
    "gpt-oss": '<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{"city": "Oslo"}',
    "gpt-oss, code": '<|channel|>commentary to=functions.get_weather code<|message|>{"city": "Oslo"}',
    "deepseek": "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{}\n```"
    "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    "deepseek, one": "<｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{}<｜tool▁call▁end｜>",
    "mistral": f"[TOOL_CALLS][{CALL}]",
    "mistral, of today": '[TOOL_CALLS]get_weather{"city": "Oslo"}',
    "mistral, with a blank": f"[TOOL_CALLS] [{CALL}]",
    "phi": f"functools[{CALL}]",
    "a fence in a tag": f"<tool_call>```json\n{CALL}\n```</tool_call>",
}  # fmt: skip
"""How models of each family write a call, where the server's parser did not take it out."""

TEXTS: dict[str, str] = {
    "a sentence": "It rains in Oslo.",
    "a sentence that begins as a name": "get well soon",
    "a name": "get_weather is the tool for that.",
    "a name with parentheses": "get_time() tells the time.",
    "words in brackets": "[Note] It rains.",
    "a task list": "[x] done\n[ ] open",
    "a link": "[the documentation](https://example.com) says so.",
    "a link to a tool": "[get_weather](docs/get_weather.md) says so.",
    "a link in a sentence": "Let me see. [get_weather](docs/get_weather.md) says so.",
    "a citation": "[1] Oslo is in Norway.",
    "citations": "It rains [1], [2] and snows [3].",
    "a formula": "[f(x) - f(y)] / (x - y)",
    "a JSON answer": '{"answer": 42}',
    "a JSON answer with a name": '{"name": "Ada", "age": 36}',
    "a JSON answer with half a name": '{"name": "get", "age": 3}',
    "a JSON answer over lines": '{\n  "name": "Ada"\n}',
    "a JSON list": '["Oslo", "Bergen"]',
    "a JSON list of objects": '[{"city": "Oslo"}]',
    "a set": "{1, 2}",
    "a template": "{{ city }} is wet.",
    "a code block": "```python\nget_weather(city='Oslo')\n```",
    "a code block of a call": f"```json\n{CALL}\n```",
    "a code block behind words": f"I'll show you:\n```json\n{CALL}\n```",
    "a call in ticks": f"Send `{CALL}` to it.",
    "a call as code behind words": "Let me see. get_weather(city='Oslo') says so.",
    "a call in a sentence": f"The model says {CALL} and waits.",
    "a tag in a sentence": "The tag <tool_call> is what Hermes writes.",
    "a tag first": "<tool_call> is what Hermes writes.",
    "a mark first": "[TOOL_CALLS] is what Mistral writes.",
    "a tag in ticks": "Let me see: `<tool_call>` is it.",
    "tags": "<answer><city>Oslo</city></answer>",
    "a page": "<!DOCTYPE html>\n<p>It rains.</p>",
    "an email": "Ada <ada@example.com> says so.",
    "a comparison": "Let me see: a <b and c> d.",
    "an arrow": "First: a <- b.",
    "words of python": "Let me see: functools.cache is it.",
    "a word that ends as python's": "Let me see: my_functools[0] is it.",
    "many words with an f": "If of off, for four fellows fun functions.",
    "a heading": "# Weather\n\nIt rains.",
    "a diff": "--- a\n+++ b\n-{a}\n+[b]",
}

FILLED = "It rains in Oslo, and it is said that the sun may come. "


def pieces_of(text: str, data: st.DataObject) -> list[str]:
    """Draw a way to cut a text."""
    places = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=12)))
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


def fed(text: str) -> int:
    """Return how many letters of a text flow that comes a letter a time."""
    watch, shown = LeakWatch(OFFERED), 0
    for place, letter in enumerate(text):
        if not watch.add(letter):
            shown = place + 1
    return shown
