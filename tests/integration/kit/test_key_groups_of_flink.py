"""The key groups that the kit reckons with are those that Beam's runner and Flink assign."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from beam_flink_kit.key_groups import KEY_GROUPS, key_group
from local_stack.flink import JOB_SERVER_JAR

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not JOB_SERVER_JAR.exists(), reason="no job server: make setup"),
    pytest.mark.skipif(shutil.which("java") is None, reason="no Java"),
]

ASSIGNS = f"""
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.apache.beam.runners.flink.adapter.FlinkKey;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;

public class Assigns {{
  public static void main(String[] keys) {{
    for (String key : keys) {{
      byte[] text = key.getBytes(StandardCharsets.UTF_8);
      byte[] encoded = new byte[text.length + 1];
      encoded[0] = (byte) text.length;
      System.arraycopy(text, 0, encoded, 1, text.length);
      System.out.println(KeyGroupRangeAssignment.assignToKeyGroup(
          FlinkKey.of(ByteBuffer.wrap(encoded)), {KEY_GROUPS}));
    }}
  }}
}}
"""
"""A key as the runner makes it of a string that Python's coder has encoded."""


def test_a_key_falls_into_the_group_that_flink_assigns(tmp_path: Path) -> None:
    keys = [*map(str, range(300)), "a key", "14 bytes long!", "é", *map(chr, range(97, 123))]
    source = tmp_path / "Assigns.java"
    source.write_text(ASSIGNS)
    ran = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", "-cp", str(JOB_SERVER_JAR), str(source), *keys],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert [key_group(key) for key in keys] == [int(line) for line in ran.stdout.split()]
