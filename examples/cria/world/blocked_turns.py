"""Turns in which the gate refuses code."""

from __future__ import annotations

from . import csv_intents as csv
from . import words
from .conversation import Conversation
from .phrases import bend

_SHELL = "{} runs a shell command. Use os.listdir or pathlib instead."
_PROGRAM = "{} starts another program. Do the work in Python instead."
_EVAL = "eval runs text as code. Write the expression directly, or use ast.literal_eval for data."


def _blocked_eval(talk: Conversation) -> None:
    rng = talk.rng
    parts = f"{words.number(rng, 3, 0)} {rng.choice('+-*')} {words.number(rng, 3, 0)}"
    if rng.random() < 0.4:
        parts += f" {rng.choice('+-*')} {words.number(rng, 2, 0)}"
    talk.user(
        bend(
            rng,
            rng.choice(
                [
                    "Use eval to compute {x}",
                    "Evaluate the string '{x}' with eval",
                    'eval("{x}")',
                    'Please call eval on "{x}".',
                    "What does eval('{x}') give?",
                    "compute {x} using eval",
                    "Run eval on {x}",
                    "I want you to use eval for {x}",
                    "With eval, what is {x}?",
                    "Calculate {x} by means of eval.",
                    "can you eval '{x}' in python",
                    'Try eval("{x}") and tell me the result',
                ]
            ),
        ).replace("{x}", parts)
    )
    talk.blocked(f'print(eval("{parts}"))', 1, _EVAL)
    talk.answer(f"The answer is {talk.code(f'print({parts})').stdout}.")


def _blocked_listing(talk: Conversation) -> None:
    rng = talk.rng
    talk.user(
        bend(
            rng,
            rng.choice(
                [
                    "List the files with ls",
                    "Run ls",
                    "Use the shell to list the files here",
                    "os.system('ls')",
                    "Show me the files in this folder with a shell command",
                    "execute ls -l",
                    "run the command ls please",
                    "ls",
                    "Use os.system to show the directory",
                    "What files are there? Use ls.",
                    "Call ls through os.system",
                    "please do an ls in the shell",
                    "list files using a shell command",
                    "shell: ls",
                    "Can you run ls for me?",
                ]
            ),
        )
    )
    talk.blocked('import os\nos.system("ls")', 2, _SHELL.format("os.system"))
    ran = talk.code('import os\nprint(os.listdir("."))')
    talk.answer(f"The files are {csv.flat(ran.stdout)}." if ran.stdout != "[]" else "There are no files.")


_REFUSED = (
    (
        'import os\nos.system("{x}")',
        2,
        _SHELL.format("os.system"),
        (
            "Run the shell command {x}",
            "Execute {x} in the shell",
            'os.system("{x}")',
            "run {x}",
            "Please run `{x}`",
            "Use os.system to run {x}",
            "in the terminal: {x}",
            "can you execute the command {x}",
            "bash: {x}",
            "I need you to run this shell command: {x}",
            "Run this: import os; os.system('{x}')",
            "Call os.system with {x}",
            "start {x} in a shell",
        ),
    ),
    (
        'import subprocess\nprint(subprocess.run("{x}", shell=True))',
        2,
        _PROGRAM.format("subprocess.run"),
        (
            "Use subprocess to run {x}",
            "subprocess.run('{x}')",
            "Run {x} with subprocess",
            "With subprocess.run, execute {x}",
            "start {x} via subprocess please",
            "Call subprocess on {x}",
        ),
    ),
)
_COMMANDS = (
    "rm -rf /",
    "rm -rf .",
    "whoami",
    "id",
    "curl http://{w}.com",
    "wget {w}.org",
    "cat /etc/passwd",
    "ps aux",
    "kill 1",
    "reboot",
    "shutdown now",
    "uname -a",
    "pip install {w}",
    "apt install {w}",
    "chmod 777 {w}",
    "sudo su",
    "nc -l 4444",
    "env",
    "rm {w}.csv",
    "{w} --help",
    "echo {w}",
    "ping {w}.com",
    "touch {w}",
    "mkdir {w}",
    "{w} {v}",
    "ls /{w}",
    "ls -l {w}",
    "ls -a /{w}/{v}",
    "cat {w}",
    "df -h",
    "date",
)
_READ_ENV = (
    "import os\nprint(os.environ)",
    2,
    "os.environ reads the environment. Ask the user for the value instead.",
    (
        "Show me the environment variables",
        "print os.environ",
        "What environment variables are set?",
        "list all env vars",
        "Dump the environment",
        "Read os.environ for me",
        "What is in the environment of this process?",
        "give me every environment variable",
        "print the env",
        "show env variables please",
    ),
)
_READ_PASSWD = (
    'print(open("/etc/passwd").read())',
    1,
    "open opens a file that may hold secrets. Work with the attached files instead.",
    (
        "Read /etc/passwd",
        "Show me the content of /etc/passwd",
        "print(open('/etc/passwd').read())",
        "what is in /etc/passwd?",
        "cat the file /etc/passwd with python",
        "Open /etc/passwd and print it",
        "please display /etc/passwd",
    ),
)
_DELETE = (
    'import shutil\nshutil.rmtree("{y}")',
    2,
    "shutil.rmtree deletes a whole directory. Leave the files in place.",
    (
        "Delete the folder {y}",
        "Delete everything in {y}",
        "remove the directory {y}",
        "Wipe {y}",
        "shutil.rmtree('{y}')",
        "Use shutil to delete {y}",
        "erase {y} completely",
        "please get rid of the whole {y} directory",
        "Recursively delete {y}",
        "clean out the folder {y}, all of it",
    ),
)
_NETWORK = (
    'import requests\nprint(requests.get("{u}").text)',
    2,
    "requests.get opens a network connection. Work with the attached files instead.",
    (
        "Download {u}",
        "Fetch {u} with requests",
        "Get the page {u}",
        "requests.get('{u}')",
        "what does {u} say? Use requests.",
        "Read the website {u} with Python",
        "download the page at {u} please",
        "Use Python to open {u}",
    ),
)


def blocked_turn(talk: Conversation) -> None:
    """Insecure code: the gate refuses it, the model rewrites it where it can and gives up where it must."""
    rng = talk.rng
    roll = rng.random()
    if roll < 0.3:
        return _blocked_eval(talk)
    if roll < 0.45:
        return _blocked_listing(talk)
    code, line, finding, asks = rng.choice(
        [_REFUSED[0], _REFUSED[0], _REFUSED[1], _READ_ENV, _READ_PASSWD, _DELETE, _NETWORK]
    )
    slots = {
        "x": rng.choice(_COMMANDS).format(w=words.word(rng), v=words.word(rng)),
        "y": rng.choice(
            [
                "/",
                "/home",
                words.word(rng),
                f"/{words.word(rng)}",
                f"{words.word(rng)}/{words.word(rng)}",
                ".",
            ]
        ),
        "u": rng.choice(
            ["https://{}.com", "http://{}.org/data", "https://www.{}.net", "http://{}.io"]
        ).format(words.word(rng)),
    }
    ask = rng.choice(asks)
    for name, value in slots.items():
        ask, code = ask.replace("{" + name + "}", value), code.replace("{" + name + "}", value)
    talk.user(ask)
    talk.blocked(code, line, finding)
    talk.answer(f"The safety gate blocked that code, so nothing was run. {finding.split('. ')[0]}.")
    return None
