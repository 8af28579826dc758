"""The loops' former place; they are the kit's now (``beam_flink_kit.loops``)."""

from beam_flink_kit.loops import LiveLoop, VirtualLoop, WorkerLoop

__all__ = ["LiveLoop", "VirtualLoop", "WorkerLoop"]
