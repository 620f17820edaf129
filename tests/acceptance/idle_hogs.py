"""The real machine, hogged for real. It has to be idle for the six minutes before, so this is not among
the tests that run beside others: `./test.sh hogs`."""
import hogs
from real_machine import RealMachine


class IdleHogsTest(hogs.HoggedMachineTest):
    def test_hogs_of_the_real_machine_are_found_named_and_joined(self):
        self.check_hogs(RealMachine(), "1s")
