"""A hogged machine. Its disk is real and really full; its processors and memory are simulated, because
nothing can hog what other tests already use up. idle_hogs.py hogs the real ones."""
import hogs
from simulated_machine import SimulatedMachine


class HogsTest(hogs.HoggedMachineTest):
    def test_hogs_are_found_named_and_joined(self):
        machine = SimulatedMachine(self.directory / "proc")
        self.addCleanup(machine.end)
        self.check_hogs(machine, "200ms")
