"""The table of rules: what each one decides and says."""

from __future__ import annotations

from dataclasses import dataclass

from llama3_tools.gate._types import Decision, Finding


@dataclass(frozen=True, slots=True)
class Rule:
    """A threat: its decision and its words. `message` may hold `{name}`."""

    cwe: str
    decision: Decision
    message: str
    advice: str


_LISTING = "Use os.listdir or pathlib instead."
_ATTACHED = "Work with the attached files instead."
_KEEP = "Leave the files in place."
_HERE = "Write in the working directory instead."
_DIRECT = "Write the code directly."
_FULL_NAME = "Call the function by its full name."

RULES: dict[str, Rule] = {
    "process.shell": Rule("CWE-78", "block", "{name} runs a shell command.", _LISTING),
    "process.run": Rule(
        "CWE-78", "block", "{name} starts another program.", "Do the work in Python instead."
    ),
    "process.signal": Rule(
        "CWE-250", "block", "{name} sends signals to processes.", "Leave other processes alone."
    ),
    "magic.shell": Rule("CWE-78", "block", "{name} runs a shell command.", _LISTING),
    "magic.line": Rule(
        "CWE-94",
        "block",
        "A line that starts with % is notebook magic, not Python.",
        "Write plain Python instead.",
    ),
    "dynamic.eval": Rule(
        "CWE-95",
        "block",
        "{name} runs text as code.",
        "Write the expression directly, or use ast.literal_eval for data.",
    ),
    "dynamic.exec": Rule("CWE-95", "block", "{name} runs text as code.", _DIRECT),
    "dynamic.compile": Rule("CWE-95", "block", "{name} turns text into code.", _DIRECT),
    "dynamic.import": Rule(
        "CWE-470", "block", "{name} loads code by its name.", "Use a plain import statement instead."
    ),
    "dynamic.module": Rule("CWE-470", "block", "This hides which function of {name} is called.", _FULL_NAME),
    "dynamic.internals": Rule(
        "CWE-470",
        "block",
        "{name} reaches into Python's internals.",
        "Use ordinary functions and attributes instead.",
    ),
    "deserialise.pickle": Rule(
        "CWE-502", "block", "{name} can run code hidden in the data.", "Use json or CSV instead."
    ),
    "deserialise.yaml": Rule(
        "CWE-502", "block", "{name} can run code hidden in the data.", "Use yaml.safe_load instead."
    ),
    "deserialise.xml": Rule(
        "CWE-611", "block", "{name} lets the document name files to load.", "Leave entities unresolved."
    ),
    "network.connection": Rule("CWE-918", "block", "{name} opens a network connection.", _ATTACHED),
    "network.url": Rule("CWE-918", "block", "{name} reads from a web address.", _ATTACHED),
    "network.write": Rule("CWE-918", "block", "{name} writes to a web address.", _HERE),
    "credentials.environment": Rule(
        "CWE-526", "block", "{name} reads the environment.", "Ask the user for the value instead."
    ),
    "credentials.file": Rule("CWE-522", "block", "{name} opens a file that may hold secrets.", _ATTACHED),
    "credentials.store": Rule(
        "CWE-522", "block", "{name} reads stored passwords.", "Ask the user for the value instead."
    ),
    "files.tree": Rule("CWE-73", "block", "{name} deletes a whole directory.", _KEEP),
    "files.delete": Rule("CWE-73", "block", "{name} deletes files.", _KEEP),
    "files.outside": Rule("CWE-73", "block", "{name} writes outside the working directory.", _HERE),
    "files.race": Rule(
        "CWE-377",
        "warn",
        "{name} gives a name that another program can take first.",
        "Use tempfile.NamedTemporaryFile instead.",
    ),
    "files.link": Rule("CWE-59", "block", "{name} makes a special file.", "Copy the file instead."),
    "persistence.startup": Rule("CWE-506", "block", "{name} changes what runs later.", _HERE),
    "privilege.change": Rule(
        "CWE-250", "block", "{name} changes permissions.", "Leave permissions as they are."
    ),
    "privilege.environment": Rule(
        "CWE-426", "block", "Setting {name} changes how programs start.", "Leave it as it is."
    ),
    "native.code": Rule("CWE-242", "block", "{name} calls native code.", "Use Python or numpy instead."),
    "resource.fork": Rule(
        "CWE-400", "block", "{name} copies the running process.", "Do the work in one process."
    ),
    "resource.loop": Rule("CWE-835", "block", "This loop never ends.", "Give the loop an end."),
    "resource.memory": Rule(
        "CWE-789", "block", "This expression needs too much memory.", "Use a smaller size."
    ),
    "resource.threads": Rule(
        "CWE-400",
        "block",
        "This loop starts too many of {name}.",
        "Use a ThreadPoolExecutor with a few workers.",
    ),
    "resource.recursion": Rule(
        "CWE-674", "block", "{name} calls itself without an end.", "Return before it calls itself again."
    ),
    "resource.sleep": Rule("CWE-400", "block", "{name} waits for hours.", "Wait for a few seconds at most."),
    "resource.disk": Rule(
        "CWE-400", "block", "{name} makes a file larger than the disk.", "Use a smaller size."
    ),
    "resource.pattern": Rule(
        "CWE-1333",
        "warn",
        "This pattern takes forever on some texts.",
        "Repeat either the group or what is in it.",
    ),
    "crypto.weak": Rule("CWE-328", "warn", "{name} is a weak hash.", "Use hashlib.sha256 instead."),
    "crypto.cipher": Rule("CWE-327", "warn", "{name} is a weak cipher.", "Use AES-GCM instead."),
    "crypto.key": Rule("CWE-326", "warn", "{name} makes a key that is too short.", "Use 2048 bits or more."),
    "crypto.random": Rule(
        "CWE-338", "warn", "What {name} gives can be foretold.", "Use the secrets module for secrets."
    ),
    "crypto.tls": Rule(
        "CWE-295", "warn", "{name} turns off the check of certificates.", "Leave the check on."
    ),
    "crypto.signature": Rule(
        "CWE-347", "warn", "{name} takes tokens that nobody signed.", "Verify the signature."
    ),
    "sql.string": Rule("CWE-89", "warn", "This query is built from strings.", "Use ? placeholders instead."),
    "secret.literal": Rule(
        "CWE-798", "warn", "This text looks like a secret.", "Leave secrets out of the code."
    ),
    "suppression.comment": Rule(
        "CWE-1116", "warn", "This comment asks scanners to look away.", "Remove the comment."
    ),
    "text.encoding": Rule(
        "CWE-838", "block", "An encoding line changes how the code is read.", "Remove the encoding line."
    ),
    "text.hidden": Rule(
        "CWE-1007", "warn", "The code holds invisible direction marks.", "Remove the invisible characters."
    ),
    "codeshield.other": Rule("CWE-710", "warn", "Code Shield: {name}", "Write this part another way."),
    "gate.unavailable": Rule(
        "CWE-693",
        "block",
        "The code could not be checked: {name}.",
        "Nothing was run; the scanner must be repaired.",
    ),
    "gate.size": Rule(
        "CWE-770", "block", "The code is longer than {name} bytes.", "Split it into smaller pieces."
    ),
    "gate.text": Rule(
        "CWE-838", "block", "The code holds characters that have no encoding.", "Use plain text."
    ),
    "gate.complex": Rule(
        "CWE-674", "block", "The code is too deeply nested to check.", "Write it more simply."
    ),
}


def found(rule: str, line: int, name: str = "") -> Finding:
    """The finding of `rule` at `line`, worded for `name`.

    Raises:
        KeyError: if there is no such rule.
    """
    entry = RULES[rule]
    return Finding(rule, line, entry.cwe, entry.message.format(name=name), entry.advice, entry.decision)


def threat(rule: str) -> str:
    """The class a rule belongs to: the part before the dot."""
    return rule.partition(".")[0]
