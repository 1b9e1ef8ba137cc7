"""Makes a virtual environment from a lock, and says every five seconds that it still does."""

import contextlib
import os
import signal
import subprocess
import sys
import time


def main(directory: str, lock: str) -> int:
    """Make the environment; return the exit code of the command that failed, or 0."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    print(f"setting up {directory} from {lock} ...", flush=True)
    pip = [f"{directory}/bin/python", "-m", "pip", "install", "--quiet", "--require-hashes"]
    for command in [sys.executable, "-m", "venv", "--clear", directory], [*pip, "-r", lock]:
        with subprocess.Popen(command, start_new_session=True) as process:
            try:
                while process.poll() is None:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(5)
                        break
                    print(f"setting up {directory}: {time.monotonic() - began:.0f} s", flush=True)
            except KeyboardInterrupt:
                os.killpg(process.pid, signal.SIGKILL)
                return 130
        if process.returncode:
            break
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
