# SPDX-License-Identifier: Apache-2.0
"""Chats as moxie renders them: the ready tools, the chat template's text, what tools answer."""
import json
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent
TOOLS = {tool["function"]["name"]: tool for tool in json.loads((FOLDER / "tools.json").read_text())}
ALL = tuple(TOOLS)                # with a folder
ALL_BUT_FILES = ALL[:5]           # without one

BEFORE_TOOLS = ("# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with function "
                "signatures within <tools></tools> XML tags:\n<tools>")
BEHIND_TOOLS = ("\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
                "<tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n"
                "</tool_call>")


def compact(value):
    """JSON as moxie's tools write it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def error(text):
    return compact({"error": text})


@dataclass
class Chat:
    """Messages between a user, the assistant and tools, and what a right answer is."""
    domain: str
    messages: list = field(default_factory=list)
    tools: tuple = ()
    system: str = ""
    check: dict = field(default_factory=dict)  # of the last question: what an evaluation looks at

    def user(self, text):
        self.messages.append({"role": "user", "content": text})
        return self

    def says(self, text):
        self.messages.append({"role": "assistant", "content": text})
        return self

    def calls(self, name, arguments, result):
        self.messages.append({"role": "assistant", "content": "", "tool_calls": [{"name": name, "arguments": arguments}]})
        self.messages.append({"role": "tool", "content": result, "name": name})
        return self


def system_block(tools, system):
    if tools:
        text = "<|im_start|>system\n" + (system + "\n\n" if system else "") + BEFORE_TOOLS
        for name in tools:
            text += "\n" + json.dumps(TOOLS[name], ensure_ascii=False)
        return text + BEHIND_TOOLS + "<|im_end|>\n"
    return f"<|im_start|>system\n{system}<|im_end|>\n" if system else ""


def rendered(messages):
    """(text, whether the model is to say it) for each piece behind the system's block."""
    pieces = []

    def add(text, said):
        if pieces and pieces[-1][1] == said:
            pieces[-1] = (pieces[-1][0] + text, said)
        else:
            pieces.append((text, said))

    for i, message in enumerate(messages):
        role, content = message["role"], message["content"]
        if role == "assistant":
            add("<|im_start|>assistant\n", False)
            for n, call in enumerate(message.get("tool_calls", ())):
                content += ("\n" if content or n else "") + (
                    '<tool_call>\n{"name": "' + call["name"] + '", "arguments": '
                    + json.dumps(call["arguments"], ensure_ascii=False) + "}\n</tool_call>")
            add(content + "<|im_end|>", True)
            add("\n", False)
        elif role == "tool":
            if i == 0 or messages[i - 1]["role"] != "tool":
                add("<|im_start|>user", False)
            add(f"\n<tool_response>\n{content}\n</tool_response>", False)
            if i + 1 == len(messages) or messages[i + 1]["role"] != "tool":
                add("<|im_end|>\n", False)
        else:
            add(f"<|im_start|>{role}\n{content}<|im_end|>\n", False)
    return pieces
