"""What README tells about functions in containers can be found, and is about real samples."""

from pathlib import Path

import pytest

from tools.sam_local.cloud import CloudError
from tools.sam_local.readme import HEADING, blocks

ROOT = Path(__file__).parents[3]


def test_the_blocks_of_the_section_alone():
    text = f"""
```sh
sam local invoke Other -e events/other.json
```
{HEADING}
words
```sh
make build
sam local invoke OneFunction -e events/one.json
```
```python
sam local invoke TwoFunction -e events/two.json
```
```sh
echo nothing
```
## Next
```sh
sam local invoke ThreeFunction -e events/three.json
```
"""
    assert blocks(text) == ["make build\nsam local invoke OneFunction -e events/one.json\n"]


@pytest.mark.parametrize("text", ["", f"{HEADING}\n```sh\nls\n```\n"])
def test_a_section_without_commands_is_an_error(text):
    with pytest.raises(CloudError, match="sam local invoke"):
        blocks(text)


def test_readme_invokes_an_agent_first_and_builds_before():
    first, *others = blocks((ROOT / "README.md").read_text(encoding="utf-8"))
    assert first.splitlines()[0] == "make build"
    assert "ConcludeInvestigationFunction" in first
    assert others
