"""The table of sizes in Markdown, and its place in a file."""

from pathlib import Path

from tools.sizes.targets import Size

BEGIN, END = "<!-- sizes: made by `make sizes` -->", "<!-- end of sizes -->"

_COLUMNS = "functions, MB, plain, zip, plain, import CPU s, plain, ratio, ready, plain, loads"
_HEAD = [f"| {_COLUMNS.replace(',', ' |')} |", "|" + "---|" * len(_COLUMNS.split(","))]
_KINDS = {
    "no AWS": "call no AWS service",
    "AWS": "call AWS services",
    "agent": "agents",
    "domain agent": "agents with an MCP server of their own",
    "protocol": "serve MCP, A2A or tokens",
    "sandbox": "the sandbox",
}


def table(found: list[Size]) -> str:
    """Return the table: the heaviest of each kind, then each function."""
    lines = list(_HEAD)
    for kind in dict.fromkeys(each.kind for each in found):
        group = [each for each in found if each.kind == kind]
        slowest = max(group, key=lambda each: each.start.ready)
        largest = max(group, key=lambda each: each.unzipped_mb)
        heaviest = largest._replace(start=slowest.start, plain=slowest.plain)
        lines.append(_row(f"{_KINDS[kind]}: {len(group)}, the heaviest", heaviest))
    lines += ["", "<details><summary>Each function</summary>", "", *_HEAD]
    lines += [_row(each.name.removesuffix("Function"), each) for each in found]
    return "\n".join([*lines, "", "</details>"])


def _row(label: str, size: Size) -> str:
    cells = [
        f"{size.unzipped_mb:.1f}",
        f"{size.plain_mb:.1f}",
        f"{size.zip_mb:.1f}",
        f"{size.plain_zip_mb:.1f}",
        f"{size.start.imported:.2f}",
        f"{size.plain.imported:.2f}",
        f"{size.start.imported / size.plain.imported:.2f}",
        f"{size.start.ready:.2f}",
        f"{size.plain.ready:.2f}",
        f"{size.start.modules}",
    ]
    return f"| {label} | {' | '.join(cells)} |"


def put_into(readme: Path, text: str) -> bool:
    """Write the table between the markers of a file; False if the file has none."""
    before = readme.read_text(encoding="utf-8")
    head, begin, rest = before.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        return False
    after = f"{head}{BEGIN}\n{text}\n{END}{tail}"
    if after != before:
        readme.write_text(after, encoding="utf-8")
    return True
