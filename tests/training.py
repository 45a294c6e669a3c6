"""What the checks of runs that are killed, cut off and stopped share: a place with a tiny model and its text, and
whether two runs are the same."""
import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

CAPSTAN = os.path.realpath(os.environ.get("CAPSTAN", "build/capstan"))
CLOCK = ("tokens_per_second", "seconds")
failures = []

TINY = """
model: {layers: 1, heads: 2, width: 8, context: 8, dropout: 0.1}
data: {path: text.h5}
optim: {warmup: 5}
train: {batch: 2, threads: 1, eval_every: 50, eval_batches: 2, log_every: 1}
"""


def complain(text):
    failures.append(text)
    print("FAILED:", text, flush=True)


def end(name, said="all well"):
    print(f"{name}: {'FAILED' if failures else said}")
    sys.exit(1 if failures else 0)


def enter():
    """A folder of its own, with text.h5 and tiny.yaml, is the working directory; removed at the end."""
    folder = tempfile.mkdtemp(prefix="capstan-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.chdir(folder)
    with open("text.txt", "w") as out:
        for i in range(1, 401):
            out.write(f"line {i} of a text that repeats: {i * 7 % 10}\n")
    with open("tiny.yaml", "w") as out:
        out.write(TINY)
    must("prepare", "--input", "text.txt", "--format", "text", "--tokenizer", "char", "--output", "text.h5")


def capstan(*words, **options):
    return subprocess.run([CAPSTAN, *words], capture_output=True, text=True, **options)


def must(*words):
    done = capstan(*words)
    if done.returncode:
        complain(f"capstan {' '.join(words)}: exit code {done.returncode}: {done.stderr}")
    return done.stdout


def start(*words, out, **options):
    """capstan in the background, what it prints goes to the file `out`, its complaints to `out`.err."""
    with open(out, "wb") as said, open(out + ".err", "wb") as err:
        options = {"stdout": said, "stderr": err, "stdin": subprocess.DEVNULL, **options}
        return subprocess.Popen([CAPSTAN, *words], **options)


def read(path):
    with open(path, errors="replace") as file:
        return file.read()


def announced(out):
    """The last step that the file `out` says is saved; -1: none."""
    steps = re.findall(r"^step (\d+)  saved$", read(out), re.MULTILINE)
    return int(steps[-1]) if steps else -1


def resumed(said):
    """The step that a run says it goes on from; -1: from none."""
    step = re.search(r"^resumed at step (\d+)$", said, re.MULTILINE)
    return int(step[1]) if step else -1


def wait_for(what, condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            complain(f"{what}: not in {seconds} seconds")
            return False
        time.sleep(0.002)
    return True


def metrics(run):
    """The rows of metrics.jsonl without what the clock tells."""
    with open(f"{run}/metrics.jsonl") as lines:
        return [{k: v for k, v in json.loads(line).items() if k not in CLOCK} for line in lines]


def content(path):
    with open(path, "rb") as file:
        return file.read()


def same(whole, run, what):
    """Complains unless the run has every checkpoint that `whole` has, byte for byte, and its metrics."""
    names = sorted(os.listdir(f"{whole}/checkpoints"))
    differ = [name for name in names if not os.path.exists(f"{run}/checkpoints/{name}") or
              content(f"{whole}/checkpoints/{name}") != content(f"{run}/checkpoints/{name}")]
    if differ:
        complain(f"{what}: {len(differ)} of {len(names)} checkpoints are missing or differ, {differ[0]} first")
    if metrics(whole) != metrics(run):
        complain(f"{what}: metrics.jsonl differs")
