"""Every payload of GitHub's own example corpus, signed by GitHub's own library."""
import collections
import hashlib
import hmac
import json

from harness import AcceptanceTest

SECRET = "it's a secret to everybody"
# What the pack maps. Everything else that GitHub may be set to send is taken and kept, too.
MAPPED = {"push", "pull_request", "deployment", "deployment_status", "workflow_run", "check_run"}


class GithubTest(AcceptanceTest):
    config = f"""
sources:
  - name: github
    kind: github
    secret: "{SECRET}"
"""

    def test_every_example_is_accepted(self):
        quell = self.start_quell()
        sent = self.node("github.mjs", f"http://{quell.address}/ingest/github", SECRET)
        refused = [one for one in sent if not 200 <= one["status"] < 300]
        self.assertEqual(refused, [])
        self.assertGreater(len(sent), 200)
        quell.settle()
        self.assertEqual(quell.all_items("/api/v1/deadletters"), [])
        types = collections.Counter(one["type"] for one in quell.events())
        for name in MAPPED:
            self.assertTrue(any(f".{name}." in f"{kind}." for kind in types),
                            f"no event of {name}: {types}")

    def check_signature(self, quell, signature, status, delivery="1"):
        body = json.dumps({"zen": "Keep it logically awesome."}).encode()
        headers = {"content-type": "application/json", "x-github-event": "ping",
                   "x-github-delivery": delivery}
        if signature is not None:
            headers["x-hub-signature-256"] = signature(body)
        answer = quell.request("POST", "/ingest/github", body, headers)
        if status == 401:
            self.check_problem(answer, 401)
        else:
            self.assertEqual(answer.status, status, answer.body)

    def test_wrong_signatures_are_refused(self):
        quell = self.start_quell()

        def signed(secret):
            return lambda body: "sha256=" + hmac.new(secret.encode(), body,
                                                     hashlib.sha256).hexdigest()

        self.check_signature(quell, None, 401)
        self.check_signature(quell, signed("another secret"), 401)
        self.check_signature(quell, lambda body: signed(SECRET)(body + b" "), 401)
        self.check_signature(quell, lambda body: signed(SECRET)(body)[:-1], 401)
        self.check_signature(quell, lambda body: signed(SECRET)(body).replace("256=", "1="), 401)
        self.check_signature(quell, lambda body: "", 401)
        self.check_signature(quell, signed(SECRET), 202)
        # A recording of it, with what is not signed changed: taken, and a duplicate.
        self.check_signature(quell, signed(SECRET), 202, delivery="2")
        self.check_signature(
            quell, lambda body: "sha256=" + signed(SECRET)(body)[7:].upper(), 202, delivery="3")
        quell.settle()
        self.assertEqual(len(quell.events()), 1)
        self.assertEqual(quell.all_items("/api/v1/deadletters"), [])
