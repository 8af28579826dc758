"""What a phone's camera reads from a terminal that shows a QR code."""

from __future__ import annotations

import json
import subprocess

from ingest_gateway.routes import pages

_HALVES = {"█": "11", "▀": "10", "▄": "01", " ": "00"}
_PIXELS_PER_MODULE = 4
_SCRIPT = """
import jsQR from "jsqr";
const { default: read = jsQR } = jsQR;
const rows = JSON.parse(process.argv[1]);
const scale = Number(process.argv[2]);
const width = rows[0].length * scale;
const pixels = new Uint8ClampedArray(width * rows.length * scale * 4);
for (let at = 0; at < pixels.length / 4; at++) {
    const y = Math.floor(at / width / scale);
    const x = Math.floor((at % width) / scale);
    pixels.fill(rows[y][x] === "1" ? 255 : 0, at * 4, at * 4 + 3);
    pixels[at * 4 + 3] = 255;
}
process.stdout.write(read(pixels, width, rows.length * scale)?.data ?? "");
"""
_TIMEOUT_S = 30


def scan(lines: list[str]) -> str:
    """The code's text; empty: there is none to be read."""
    width = max(map(len, lines))
    halves = [[_HALVES[one] for one in line.ljust(width)] for line in lines]
    rows = ["".join(pair[half] for pair in line) for line in halves for half in (0, 1)]
    command = ["node", "--input-type=module", "--eval", _SCRIPT]
    ran = subprocess.run(
        [*command, json.dumps(rows), str(_PIXELS_PER_MODULE)],
        cwd=pages.BUILT.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=_TIMEOUT_S,
    )
    return ran.stdout
