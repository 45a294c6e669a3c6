"""What the tests of import and export share: running commands, counting failures."""
import os
import subprocess
import sys
import tempfile

import numpy as np

CAPSTAN = os.environ.get("CAPSTAN", os.path.abspath("build/capstan"))
LOGITS = os.path.join(os.path.dirname(CAPSTAN), "logits")
ROOT = os.getcwd()
failed = 0
count = 0
work = tempfile.TemporaryDirectory(prefix="check_formats.")


def check(truth, what):
    global failed, count
    count += 1
    if not truth:
        failed += 1
        print(f"FAILED: {what}")


def run(*words):
    result = subprocess.run([CAPSTAN, *map(str, words)], capture_output=True, cwd=work.name, stdin=subprocess.DEVNULL)
    return result.returncode, result.stdout.decode(errors="replace"), result.stderr.decode(errors="replace")


def does(*words):
    code, out, err = run(*words)
    check(code == 0, f"capstan {' '.join(map(str, words))}: exit {code}: {err}")
    return out


def refuses(code, part, *words):
    """The command ends with this exit code, and its message has this part."""
    got, out, err = run(*words)
    check(got == code and part in err, f"capstan {' '.join(map(str, words))}: expected exit {code} and \"{part}\"; "
          f"got {got}: {err}")


def logits(checkpoint, ids):
    result = subprocess.run([LOGITS, checkpoint, *map(str, ids)], capture_output=True, text=True, cwd=work.name)
    check(result.returncode == 0, f"logits {checkpoint}: {result.stderr}")
    return np.array([[float(x) for x in line.split()] for line in result.stdout.splitlines()])


def near(a, b, gate, what):
    distance = float(np.abs(a - b).max()) if a.shape == b.shape else float("inf")
    check(distance <= gate, f"{what}: {distance:.3g} apart; expected at most {gate:g}")
    return distance


def finish():
    print(f"{count} checks, {failed} failed")
    sys.exit(1 if failed or not count else 0)
