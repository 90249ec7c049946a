"""What every page says of the run it belongs to: address, date, version, spec, command."""

from __future__ import annotations

import html
from typing import Any

import yaml

from illusion_lib.escape import attribute, plain
from illusion_lib.report.history import PublishedRun
from illusion_lib.report.repeat import repeat_commands
from illusion_lib.runs import StudyResult


def imprint(result: StudyResult, run: PublishedRun) -> str:
    """Return the HTML below every page.

    Parameters
    ----------
    result
        The study that the pages show.
    run
        What its report is remembered by.

    Returns
    -------
    str
        In a published site ``tools/publish.py`` turns the run's name into its permanent link; in
        the book ``illusion.js`` turns ``data-file`` into a link to the study file.
    """
    command = " && ".join(repeat_commands(result.study))
    name = f'<span data-run="{attribute(run.run)}">{plain(run.run)}</span>'
    return (
        f'<p class="imprint">Run {name} of study {plain(run.study)} '
        f'(<span data-file="study.json">its spec</span>), computed {html.escape(run.created)} '
        f"with illusion_lib {html.escape(run.version)}. "
        f'To repeat it: <code class="tex2jax_ignore">{html.escape(command)}</code></p>'
    )


def book_config(text: str, result: StudyResult, run: PublishedRun) -> str:
    """Return the book's configuration with the run's name in every title and below every page.

    Parameters
    ----------
    text
        The authored ``_config.yml``.
    result, run
        As for `imprint`.
    """
    config: dict[str, Any] = yaml.safe_load(text)
    config["title"] = f"{config['title']} · {result.study.name}"
    config["html"]["extra_footer"] = imprint(result, run)
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
