"""A hogged machine. Its disk is real and really full; its processors and memory are simulated, because
nothing can hog what other tests already use up. idle_hogs.py hogs the real ones."""
import hogs
from simulated_machine import SimulatedMachine


class HogsTest(hogs.HoggedMachineTest):
    def check_burning(self, quell):
        """So much of this machine moves with its processors that they alone are an incident."""
        quell.wait_for_incident(lambda i: "on 127.0.0.1 is" in i["title"])

    def test_hogs_are_found_named_and_joined(self):
        machine = SimulatedMachine(self.directory / "proc")
        self.addCleanup(machine.end)
        self.check_hogs(machine, "200ms")
