"""The table, and its place in a file."""

from tools.sizes.report import BEGIN, END, put_into, table
from tools.sizes.targets import Size, Start

LIGHT = Size("ALight", "AWS", 1.0, 0.5, Start(0.03, 0.3, 300), 0.9, 0.4, Start(0.06, 0.32, 301))
SLOW = LIGHT._replace(name="SlowFunction", start=Start(0.1, 0.49, 400), plain=Start(0.2, 0.5, 400))
LARGE = LIGHT._replace(name="LargeFunction", unzipped_mb=20.0, plain_mb=19.0, zip_mb=6.0)
AGENT = LIGHT._replace(name="AskFunction", kind="agent", plain=Start(0.1, 1.0, 400))


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_it_is_a_table():
    lines = table([LIGHT, AGENT]).splitlines()
    assert {len(cells(line)) for line in lines if line.startswith("|")} == {11}


def test_a_function_has_a_row_without_its_suffix():
    (row,) = [line for line in table([SLOW]).splitlines() if line.startswith("| Slow ")]
    assert cells(row)[1:] == (
        ["1.0", "0.9", "0.5", "0.4", "0.10", "0.20", "0.50", "0.49", "0.50", "400"]
    )


def test_a_kind_has_its_largest_megabytes_and_its_slowest_start():
    lines = table([LIGHT, SLOW, LARGE, AGENT]).splitlines()
    (row,) = [line for line in lines if line.startswith("| call AWS services: 3")]
    assert cells(row)[1:] == (
        ["20.0", "19.0", "6.0", "0.4", "0.10", "0.20", "0.50", "0.49", "0.50", "400"]
    )
    assert sum(line.startswith("| agents: 1") for line in lines) == 1


def test_the_table_goes_between_the_markers(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"before é\n\n{BEGIN}\nold\nold\n{END}\n\nafter\n", encoding="utf-8")
    assert put_into(readme, "new")
    assert readme.read_text(encoding="utf-8") == (f"before é\n\n{BEGIN}\nnew\n{END}\n\nafter\n")


def test_a_file_without_both_markers_stays(tmp_path):
    readme = tmp_path / "README.md"
    for text in ("nothing", f"{BEGIN}\nno end", f"{END}\nbackwards\n{BEGIN}"):
        readme.write_text(text)
        assert not put_into(readme, "new")
        assert readme.read_text() == text
