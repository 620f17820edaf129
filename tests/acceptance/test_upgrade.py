"""Data directories of former versions, as `stores/` has them: packed after a clean stop, while a finding
was open and some of its series were as usual again."""
import pathlib
import tarfile
import unittest

from harness import AcceptanceTest, parse_json

STORES = pathlib.Path(__file__).resolve().parent / "stores"


class UpgradeTest(AcceptanceTest):
    def test_a_store_of_a_former_version_is_taken_over(self):
        for store in sorted(STORES.glob("*.tar.xz")):
            with self.subTest(store.name):
                data = self.directory / store.name / "data"
                data.mkdir(parents=True)
                with tarfile.open(store) as archive:
                    archive.extractall(data)  # Ours.
                self.check(self.start_quell(name=store.name))

    def check(self, quell):
        finding = quell.all_items("/api/v1/findings")[0]
        self.assertEqual((finding["entity"], finding["series"]), ("host:h", 10))
        signals = parse_json(quell.get(f"/api/v1/findings/{finding['id']}"))["signals"]
        self.assertEqual({s["metric"] for s in signals}, {f"m{i}" for i in range(10)})
        samples = quell.metric("m0", host="h")["series"][0]["samples"]
        self.assertGreater(len(samples), 250)
        self.assertEqual(quell.stop(), 0)


if __name__ == "__main__":
    unittest.main()
