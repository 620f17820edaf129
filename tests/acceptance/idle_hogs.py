"""The real machine, hogged for real. It has to be idle for the three minutes before, so this is not
among the tests that run beside others: `./test.sh hogs`."""
import hogs
from real_machine import RealMachine


class IdleHogsTest(hogs.HoggedMachineTest):
    def check_quiet(self, quell):
        """A real machine has changes of its own, such as a kernel that frees its sockets' memory. They
        may be findings to look at, and no more."""
        for finding in quell.all_items("/api/v1/findings"):
            print("while nothing was wrong:", finding["severity"], finding["title"])
            self.assertEqual(finding["severity"], "warning")

    def test_hogs_of_the_real_machine_are_found_named_and_joined(self):
        self.check_hogs(RealMachine(), "500ms")
