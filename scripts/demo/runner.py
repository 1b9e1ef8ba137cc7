"""Runs any scenario: deploy, attack, judge, destroy, and look at what is left."""

import contextlib
import shutil
import tempfile
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from scripts.demo.progress import Progress
from scripts.demo.scenario import Closing, Scenario, Site, Verdict
from scripts.demo.stack import write
from scripts.support import observation
from scripts.support.emulator import ROOT, new_account, running
from scripts.support.observation import Aws
from scripts.support.proxy import serving
from scripts.support.terraform import Terraform, environment


def run(console: Console, scenario: Scenario, output: Path, *, break_claim: bool) -> int:
    """Deploy the example to an emulator of our own, attack it, and say what came of it.

    Returns:
        0 if every promise held, 1 otherwise.

    Raises:
        EmulatorError, SourceError, TerraformError: it could not be deployed.
        SabotageError: the claim can't be broken as asked.
    """
    progress = Progress(console)
    progress.say(scenario.opening)
    if break_claim:
        progress.say("DEMO_BREAK=claim: the deployed claim is broken on purpose, this must fail")
    shutil.rmtree(output, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="idempotent-lambda-demo-") as directory:
        with progress.phase("copy the working tree into a git repository, as a module source"):
            stack = write(Path(directory), scenario, break_claim=break_claim)
        verdict = _run(progress, scenario, stack, output)
    verdict.write(output)
    console.print(verdict.table())
    problems = verdict.problems()
    for problem in problems:
        console.print(f"[bold red]failed:[/] {escape(problem)}", highlight=False, soft_wrap=True)
    if not problems:
        shown = output.relative_to(ROOT) if output.is_relative_to(ROOT) else output
        console.print(f"{scenario.success}; see {shown}", highlight=False, soft_wrap=True)
    return 1 if problems else 0


def _run(progress: Progress, scenario: Scenario, stack: Path, output: Path) -> Verdict:
    with contextlib.ExitStack() as cleanup:
        with progress.phase("start the emulator"):
            emulator = cleanup.enter_context(running())
            proxy = cleanup.enter_context(serving(emulator.endpoint))
        account = new_account()
        aws = Aws.of(emulator, account)
        variables = {**emulator.environment(account), "TF_VAR_dynamodb_url": proxy.endpoint}
        terraform = Terraform(
            directory=stack, environment=environment(variables), report=progress.note
        )
        with progress.phase("terraform init"):
            terraform.init()
        with progress.phase("terraform apply (creating a queue takes the provider 25 s)"):
            terraform.apply()
            observation.remove_twins(aws, known=terraform.run("state", "pull"))
        output.mkdir(parents=True)
        site = Site(
            aws=aws, evidence=output, outputs=terraform.output(), progress=progress, proxy=proxy
        )
        judge = scenario.attack(site)
        with progress.phase("terraform plan, which should find nothing to change"):
            second_plan_empty = not terraform.plan()
        with progress.phase("terraform destroy"):
            terraform.destroy()
        left = observation.resources(aws)
    return judge(Closing(second_plan_empty=second_plan_empty, left_after_destroy=left))
