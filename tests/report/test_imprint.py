"""Every page says which run it belongs to, and how to repeat it."""

import yaml

from illusion_lib.report.history import published
from illusion_lib.report.imprint import book_config, imprint
from illusion_lib.report.pages import fingerprint
from illusion_lib.report.sources import book_sources


def test_it_names_run_date_version_spec_and_command(study_result):
    (run,) = published(study_result, fingerprint(study_result.cells))
    shown = imprint(study_result, run)
    assert f'data-run="2026-01-02-{fingerprint(study_result.cells)[:8]}"' in shown
    assert "computed 2026-01-02 with illusion_lib 0.1.0" in shown
    assert 'data-file="study.json"' in shown
    assert "illusion sweep study.json --out runs/synthetic &amp;&amp; illusion report" in shown


def test_the_configuration_stays_but_for_title_and_footer(study_result):
    (run,) = published(study_result, fingerprint(study_result.cells))
    text = (book_sources() / "_config.yml").read_text(encoding="utf-8")
    before, after = yaml.safe_load(text), yaml.safe_load(book_config(text, study_result, run))
    assert after["title"] == f"{before['title']} · synthetic"
    assert after["html"].pop("extra_footer") == imprint(study_result, run)
    assert after["html"] == before["html"]
    assert after["sphinx"] == before["sphinx"]
