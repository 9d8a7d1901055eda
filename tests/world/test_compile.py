"""What a model does with records and noise compiles into one graph, with nothing but the default warnings turned to errors."""

import subprocess
import sys
from pathlib import Path


def test_records_noise_and_kinematics_compile_without_graph_breaks() -> None:
    """In a process of its own: shape checks wrapped around functions would break the graph."""
    script = Path(__file__).with_name("compiled.py")
    done = subprocess.run([sys.executable, "-W", "error", str(script)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "compiled"
