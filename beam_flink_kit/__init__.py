"""What a live Python job of Beam on Flink needs beside Beam. It imports nothing of this project."""
