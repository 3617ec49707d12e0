#!/usr/bin/env python3
"""Holds the install script for Windows without a Windows: its syntax, whom it calls, and what msiexec is called with.

    ps1.py SCRIPT                          checks everything below
    ps1.py SCRIPT words NAME=VALUE...      prints what msiexec is called with, a word a line, for whoever tries it

There is no PowerShell here. A grammar of it (tree-sitter) reads the script; the one function that puts msiexec's words
together is of assignments, `if` and strings alone, and is carried out. What is not like that there is an error, so
that nothing is passed over. All else of the script is proven by nobody but a Windows.
"""

import pathlib
import re
import sys

import tree_sitter
import tree_sitter_powershell

# What the script may call that it does not define: in PowerShell since 4.0.
COMMANDS = {
    "Copy-Item", "ForEach-Object", "Get-Content", "Get-FileHash", "Get-Service", "Invoke-WebRequest", "Join-Path",
    "New-Item", "New-Object", "Out-Null", "Out-String", "Remove-Item", "Set-StrictMode", "Start-Process", "Start-Sleep",
    "Write-Output",
}
WORDS = ["/i", '"C:\\p.msi"', "/qn", "/norestart", "/liweamo", '"C:\\l.txt"']
PATHS = {"Path": "C:\\p.msi", "Log": "C:\\l.txt"}
# What is said, and what msiexec is called with besides.
CASES = [
    ({}, []),
    ({"Token": "mst1.x"}, ['ENROLL_TOKEN="mst1.x"']),
    ({"Token": "mst1.x", "IsThere": "yes"}, ["REINSTALL=ALL", "REINSTALLMODE=amus", 'ENROLL_TOKEN="mst1.x"']),
    (
        {"Collector": "a:7070,b:7070", "Labels": "site=north pole", "Proxy": "http://u:p@proxy:3128"},
        ['COLLECTOR="a:7070,b:7070"', 'LABELS="site=north pole"', 'PROXY="http://u:p@proxy:3128"'],
    ),
]


class Script:
    """A script that was read."""

    def __init__(self, text):
        language = tree_sitter.Language(tree_sitter_powershell.language())
        self.text = text.encode()
        self.root = tree_sitter.Parser(language).parse(self.text).root_node

    def of(self, node):
        """The text of a node."""
        return self.text[node.start_byte : node.end_byte].decode()

    def all(self, kind, node=None):
        """Every node of a kind, in order."""
        node = node or self.root
        if node.type == kind:
            yield node
        for child in node.children:
            yield from self.all(kind, child)

    def broken(self):
        """The lines that are no PowerShell."""
        if not self.root.has_error:
            return []
        nodes = [self.root]
        for node in nodes:
            nodes.extend(node.children)
        return [node.start_point[0] + 1 for node in nodes if node.is_error or node.is_missing] or [1]

    def functions(self):
        """Every function's node by its name."""
        return {self.of(next(self.all("function_name", node))): node for node in self.all("function_statement")}

    def words(self, said):
        """What `Get-Words` puts together."""
        words = []
        for statement in self.statements(self.functions()["Get-Words"]):
            if statement.type == "if_statement":
                condition = next(self.all("variable", statement))
                if said.get(self.of(condition)[1:]):
                    for inner in self.statements(next(self.all("statement_block", statement))):
                        words += self.appended(inner, said)
            elif next(self.all("assignment_expression", statement), None):
                words += self.appended(statement, said)
            elif self.of(statement) != ", $words":
                raise ValueError(f"line {statement.start_point[0] + 1}: {self.of(statement)}")
        return words

    def statements(self, node):
        """The statements of a function or a block, without those within them."""
        lists = next(self.all("statement_list", node))
        return [child for child in lists.children if child.is_named and child.type != "comment"]

    def appended(self, statement, said):
        """The strings that an assignment to `$words` brings."""
        if not re.match(r"\$words \+?= ", self.of(statement)):
            raise ValueError(f"line {statement.start_point[0] + 1}: {self.of(statement)}")
        return [self.string(node, said) for node in self.all("string_literal", statement)]

    def string(self, node, said):
        """A string's value: nothing happens in one of single quotes, and names and marks in one of double quotes."""
        text = self.of(node)
        if text.startswith("'"):
            return text[1:-1].replace("''", "'")
        value = re.sub(r"`(.)|\$(\w+)", lambda m: m.group(1) or said.get(m.group(2), ""), text[1:-1])
        return value


def check(script):
    """Everything that is wrong."""
    for line in script.broken():
        yield f"line {line}: no PowerShell"
    functions = script.functions()
    for node in script.all("command_name"):
        name = script.of(node)
        # `& $agent` runs what a variable names.
        if name not in functions and name not in COMMANDS and not name.startswith("$"):
            yield f"line {node.start_point[0] + 1}: {name} is neither of the script nor of PowerShell 4"
    last = script.of(script.root).rstrip().splitlines()[-1]
    if last not in functions:
        yield f"the last line is {last!r} and not the call of a function: a script that is cut off would do something"
    for said, expected in CASES:
        words = script.words(PATHS | said)
        if words != WORDS + expected:
            yield f"msiexec is called with {words} for {said}"


def main(path, *rest):
    script = Script(pathlib.Path(path).read_text(encoding="utf-8"))
    if rest[:1] == ("words",):
        print("\n".join(script.words(dict(word.split("=", 1) for word in rest[1:]))))
        return 0
    findings = list(check(script))
    for finding in findings:
        print(f"{path}: {finding}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
