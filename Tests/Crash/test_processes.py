"""Does the crash test tell a worker that nobody owns from all that only looks like one for a moment?"""

import os
import signal
import subprocess
import sys
import tempfile
import unittest

import processes

# Says that it runs what it was started for, and stays until its stdin ends.
SCRIPT = "import sys\nprint('up', flush=True)\nsys.stdin.read()\n"


class UnownedWorkers(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        for name in ("worker", "serve"):
            with open(os.path.join(self.folder.name, name), "w") as file:
                file.write(SCRIPT)
        self.started = []

    def tearDown(self):
        for process in self.started:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
        self.folder.cleanup()

    def start(self, command, **environment):
        """A process whose first argument is `command`, and that runs already."""
        process = subprocess.Popen(
            ["greenroom", command], executable=sys.executable, cwd=self.folder.name, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], **environment})
        self.started.append(process)
        self.assertEqual(process.stdout.readline(), b"up\n")
        return process

    def test_a_worker_without_an_owner_is_found(self):
        self.assertTrue(processes.is_unowned_worker(self.start("worker").pid))

    def test_a_worker_with_an_owner_is_none(self):
        self.assertFalse(processes.is_unowned_worker(self.start("worker", GREENROOM_OWNER="log").pid))

    def test_what_is_no_worker_is_none(self):
        self.assertFalse(processes.is_unowned_worker(self.start("serve").pid))

    def test_one_that_ended_and_nobody_collected_is_none(self):
        process = self.start("worker")
        process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        self.assertFalse(processes.is_unowned_worker(process.pid))

    def test_one_that_is_gone_is_none(self):
        process = self.start("worker")
        process.kill()
        process.wait()
        self.assertFalse(processes.is_unowned_worker(process.pid))

    def test_a_child_on_its_way_to_being_a_worker_is_none(self):
        """Before its exec it shows its parent's arguments and environment, after it its own: whatever it becomes in between two looks,
        the environment that counts is one that was read while it was a worker."""
        real = processes.arguments_of, processes.environment_of
        steps = {"left": 0}

        def look(before, after):
            steps["left"] -= 1
            return before if steps["left"] >= 0 else after

        try:
            processes.arguments_of = lambda pid: look(["greenroom", "serve"], ["greenroom", "worker"])
            processes.environment_of = lambda pid: look({}, {"GREENROOM_OWNER": "log"})
            for looks_before_exec in range(5):
                steps["left"] = looks_before_exec
                self.assertFalse(processes.is_unowned_worker(os.getpid()), f"exec after {looks_before_exec} looks")
        finally:
            processes.arguments_of, processes.environment_of = real


if __name__ == "__main__":
    unittest.main()
