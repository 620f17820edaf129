"""The documents say what is true: their one-liners work, and every command is described."""
import re
import shlex
import shutil
import subprocess

from harness import DEADLINE_SECONDS, ROOT, AcceptanceTest, run_quell

ADDRESS = "127.0.0.1:8420"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def shell_commands(page):
    """The commands of the page's sh blocks; one goes on while a line ends in a backslash or a quote
    is open."""
    for block in re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", page.read_text(), re.M | re.S):
        command = ""
        for line in block.replace("\\\n", " ").splitlines():
            command += ("\n" if command else "") + line
            try:
                shlex.split(command, comments=True)
            except ValueError:  # No closing quotation.
                continue
            yield re.sub(r"^\$ ", "", command.strip())
            command = ""


class DocumentsTest(AcceptanceTest):
    def test_curl_one_liners(self):
        quell = self.start_quell()
        seen = 0
        for page in PAGES:
            for command in shell_commands(page):
                if not (command.startswith("curl ") and ADDRESS in command):
                    continue
                seen += 1
                command = command.replace(ADDRESS, quell.address)
                command = "curl --fail-with-body -sS -m 30 " + command.removeprefix("curl ")
                done = subprocess.run(["bash", "-c", command], capture_output=True, text=True,
                                      cwd=ROOT, timeout=DEADLINE_SECONDS, check=False)
                self.assertEqual(done.returncode, 0,
                                 f"{page.name}: {command}\n{done.stdout}{done.stderr}")
        self.assertGreater(seen, 0)

    def commands(self):
        help_text = run_quell("--help").stdout
        commands = re.search(r"Subcommands:\n(.*)", help_text, re.S)
        self.assertTrue(commands, help_text)
        return re.findall(r"^  ([a-z]+)\b", commands.group(1), re.M)

    def test_every_command_has_help(self):
        for command in self.commands():
            done = run_quell(command, "--help")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("--help", done.stdout)

    def check_names_every_command(self, path, form):
        text = (ROOT / path).read_text()
        for command in self.commands():
            self.assertRegex(text, form.format(command), f"{path} does not know {command}")

    def test_man_page_describes_every_command(self):
        self.check_names_every_command("docs/man/quell.1", r"(?m)^\.It Cm {}\b")

    def test_completions_know_every_command(self):
        self.check_names_every_command("deploy/completion/quell.bash", r"\b{}\b")
        self.check_names_every_command("deploy/completion/_quell", r"'{}:")
        self.check_names_every_command("deploy/completion/quell.fish",
                                       r"__fish_use_subcommand -a {} ")

    def test_links_between_pages(self):
        for page in [*ROOT.glob("*.md"), *PAGES]:
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
                self.assertTrue((page.parent / target).exists(), f"{page.name}: {target}")


class ExampleConfigurationTest(AcceptanceTest):
    def check_valid(self, text):
        """Valid, when its secrets are there."""
        config = self.directory / "quell.yaml"
        config.write_text(text)
        done = run_quell("check", config, environment={
            "QUELL_PEOPLE_TOKEN": "a-token-of-some-length", "QUELL_GITHUB_SECRET": "secret"})
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_as_shipped_and_with_everything_taken(self):
        example = (ROOT / "deploy/quell.example.yaml").read_text()
        self.check_valid(example)
        token = self.directory / "prometheus.token"
        token.write_text("another-token-of-some-length\n")
        everything = re.sub(r"(?m)^#(?!#)", "", example)
        self.assertGreater(everything.count(":"), example.count("##"))
        self.check_valid(everything.replace("/etc/quell/prometheus.token", str(token)))


class PackageTest(AcceptanceTest):
    def test_package(self):
        build = self.directory / "package"
        done = subprocess.run(
            ["cpack", "--config", ROOT / "build/release/CPackConfig.cmake", "-B", build],
            cwd=ROOT / "build/release", capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        package = next(build.glob("quell_*.deb"))
        tree = self.directory / "tree"
        subprocess.run(["dpkg-deb", "-x", package, tree], check=True)
        for path in ["usr/bin/quell", "etc/quell/quell.yaml", "usr/lib/systemd/system/quell.service",
                     "usr/share/man/man1/quell.1", "usr/share/doc/quell/copyright",
                     "usr/share/quell/providers/github.yaml",
                     "usr/share/bash-completion/completions/quell"]:
            self.assertTrue((tree / path).exists(), path)
        depends = subprocess.run(["dpkg-deb", "-f", package, "Depends"], capture_output=True,
                                 text=True, check=True).stdout
        self.assertIn("libsqlite3-0", depends)
        self.check_program(tree / "usr/bin/quell", tree / "etc/quell/quell.yaml")

    def check_program(self, program, config):
        for arguments in (["version"], ["check", config]):
            done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_completion_of_bash(self):
        script = (". deploy/completion/quell.bash; COMP_WORDS=(quell inc); COMP_CWORD=1; _quell; "
                  'echo "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True,
                              check=True)
        self.assertEqual(done.stdout.strip(), "incidents")

    def test_scripts_are_valid(self):
        for script in ["run.sh", "test.sh", *(path.relative_to(ROOT)
                                              for path in (ROOT / "tools").glob("*.sh"))]:
            subprocess.run([shutil.which("bash"), "-n", ROOT / script], check=True)
