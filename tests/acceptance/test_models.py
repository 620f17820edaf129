"""What one server has learned is given to another one, by the command line, and survives kill -9."""
import json
import time

from harness import AcceptanceTest, parse_json

CONFIG = "detection: {warmup: 100}\n"


def samples(host, count):
    """Of one host, one a second until now."""
    first = int(time.time()) - count
    return "\n".join(json.dumps({"host": host, "metric": "load", "value": i % 7,
                                 "ts_event": (first + i) * 1000}) for i in range(count)) + "\n"


class ModelsTest(AcceptanceTest):
    config = CONFIG

    def learned(self, quell, host):
        items = parse_json(quell.get("/api/v1/models", series=f'load{{host="{host}"}}'))["items"]
        return items[0]["samples"] if items else None

    def send(self, quell, host, count):
        answer = quell.post("/ingest/agent", samples(host, count), "application/x-ndjson")
        self.assertEqual(answer.status // 100, 2, answer.body)

    def test_models_move_to_another_server(self):
        teacher = self.start_quell(name="teacher")
        self.send(teacher, "a", 300)
        self.send(teacher, "b", 300)
        file = teacher.directory / "models.bin"
        done = teacher.run("models", "export", file)
        self.assertEqual((done.returncode, done.stdout), (0, f"2 models written to {file}\n"), done.stderr)
        pupil = self.start_quell(name="pupil")
        self.send(pupil, "a", 10)
        self.assertLessEqual(self.learned(pupil, "a"), 10)
        done = pupil.run("models", "import", file)
        self.assertEqual(done.stdout,
                         "2 models imported, 1 of them for series that have not come yet\n", done.stderr)
        taught = self.learned(teacher, "a")
        self.assertGreater(taught, 250)
        self.assertEqual(self.learned(pupil, "a"), taught)
        pupil.kill()
        pupil.start()
        self.assertEqual(self.learned(pupil, "a"), taught)
        self.send(pupil, "b", 10)
        self.assertGreaterEqual(self.learned(pupil, "b"), taught)
        done = pupil.run("models", "reset", "--series", 'load{host="b"}')
        self.assertEqual(done.stdout, "1 series learn anew\n", done.stderr)
        pupil.kill()
        pupil.start()
        self.assertEqual(self.learned(pupil, "b"), 0)
        self.assertEqual(self.learned(pupil, "a"), taught)

    def test_an_export_of_many_is_imported(self):
        """A page of 2,000 models has more than the megabyte that bodies of the API have elsewhere."""
        teacher = self.start_quell(name="teacher")
        for host in range(2100):
            self.send(teacher, f"h{host}", 2)
        file = teacher.directory / "models.bin"
        done = teacher.run("models", "export", file)
        self.assertEqual((done.returncode, done.stdout), (0, f"2100 models written to {file}\n"),
                         done.stderr)
        self.assertGreater(file.stat().st_size, 1 << 20)
        done = self.start_quell(name="pupil").run("models", "import", file)
        self.assertEqual(
            done.stdout,
            "2100 models imported, 2100 of them for series that have not come yet\n", done.stderr)

    def test_bad_files_change_nothing(self):
        quell = self.start_quell()
        self.send(quell, "a", 300)
        before = self.learned(quell, "a")
        export = quell.get("/api/v1/models/export").body
        page = export if isinstance(export, bytes) else export.encode("latin-1")
        damaged = bytearray(page)
        damaged[100] ^= 1
        for body, reason in ((b"PK", "it does not begin with QUELLMOD"),
                             (page[:200], "the file ends early: it was cut"),
                             (bytes(damaged), "a checksum does not fit: the file is damaged"),
                             (page[:8] + b"\x07" + page[9:], "version 7")):
            answer = quell.post("/api/v1/models/import", body, "application/octet-stream")
            self.check_problem(answer, 400, "invalid_argument")
            self.assertIn(reason, parse_json(answer)["detail"])
        self.assertEqual(self.learned(quell, "a"), before)
        answer = quell.post("/api/v1/models/reset", "{}")
        self.check_problem(answer, 400, "invalid_argument")
