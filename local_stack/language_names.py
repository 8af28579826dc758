"""``python -m local_stack.language_names``: the language table as the pages read it.

The pages know names and directions before they have asked a gateway. What they know is written
from ``schemas.languages``; a test fails when the file is out of date.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from schemas.languages import LANGUAGES, OTHER_TAGS

FILE = Path(__file__).parents[1] / "ingest_gateway" / "web" / "src" / "shared" / "language_names.ts"
_HEAD = """\
// Written by `python -m local_stack.language_names` from schemas/languages.py: change it there.

/** By BCP 47 tag: the name as its own speakers write it, and the direction of its script. */
export const LANGUAGE_NAMES: Readonly<Record<string, readonly [string, "ltr" | "rtl"]>> = {
"""
_OTHERS_HEAD = """
/** What browsers send for a language that is there under another tag. */
export const OTHER_TAGS: Readonly<Record<string, string>> = {
"""


def written() -> str:
    """The module's text; keys are quoted where TypeScript needs it."""
    lines = [
        f'  {_key(tag)}: [{json.dumps(row.native_name, ensure_ascii=False)}, "{row.direction}"],\n'
        for tag, row in LANGUAGES.items()
    ]
    others = [f'  {_key(tag)}: "{row}",\n' for tag, row in OTHER_TAGS.items()]
    return f"{_HEAD}{''.join(lines)}}};\n{_OTHERS_HEAD}{''.join(others)}}};\n"


def _key(tag: str) -> str:
    return tag if re.fullmatch(r"\w+", tag) else f'"{tag}"'


def main() -> None:
    FILE.write_text(written())


if __name__ == "__main__":
    main()
