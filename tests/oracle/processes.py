"""Work in processes of its own, which may crash: a library under test can take its process with it."""
import gc
import multiprocessing
import multiprocessing.connection
import os
import signal

LONGEST = 120  # seconds without any result, after which the processes count as hanging


class Crash:
    """The result of a process that gave none."""

    def __init__(self, exit_code):
        self.exit_code = exit_code

    def __str__(self):
        if self.exit_code >= 0:
            return f"ended with {self.exit_code}"
        name = signal.Signals(-self.exit_code).name
        return f"killed, for it gave no result in {LONGEST} s" if name == "SIGKILL" else f"ended by {name}"


def apart(tasks, work, jobs=None):
    """Does `work(task)` of each in a process of its own, `jobs` at a time: pairs of task and result, as they come.

    The result of a process that crashed or did not end is a `Crash`.
    """
    context = multiprocessing.get_context("fork")
    gc.freeze()  # or every process would touch, and so copy, all objects
    jobs = jobs or os.cpu_count() or 1
    waiting, running = list(reversed(tasks)), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            receiver, sender = context.Pipe(duplex=False)
            task = waiting.pop()
            process = context.Process(target=lambda: sender.send(work(task)))
            process.start()
            sender.close()
            running[receiver] = task, process
        ready = multiprocessing.connection.wait(running, timeout=LONGEST)
        for _, process in running.values() if not ready else ():
            process.kill()
        for receiver in ready:
            task, process = running.pop(receiver)
            try:
                result = receiver.recv()
            except EOFError:
                result = None
            process.join()
            yield task, result if result is not None else Crash(process.exitcode)


def alone(work):
    """What `work()` returns, done in a process of its own, or a `Crash`."""
    return next(apart([None], lambda _: work()))[1]
