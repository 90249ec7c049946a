"""Pages are mended after the book builder: spaces, fonts, buttons; code is left alone."""

from illusion_lib.report.polish import polish, polished

PAGE = (
    '<link rel="preload" as="font" type="font/woff2" crossorigin href="a.woff2" />\n'
    '<p title="30 %">at 30 % and 3 of 4; <code>5 % 2</code></p>\n'
    "<script>x = 7 % 2</script><pre>9 % 4</pre><!-- 8 % -->"
)


def test_spaces_before_per_cent_do_not_break_outside_code():
    mended = polished(PAGE)
    assert "at 30\u00a0% and 3 of 4" in mended
    for kept in ('title="30 %"', "5 % 2", "7 % 2", "9 % 4", "8 %"):
        assert kept in mended
    assert "preload" not in mended
    assert polished(mended) == mended


def test_buttons_of_the_menu_are_named_after_the_page_above_them():
    menu = (
        '<li><a class="reference" href="a.html">A &amp; "B"</a><details><summary>'
        '<span class="toctree-toggle" role="presentation"></span></summary></details></li>'
        "<details><summary>The rule</summary></details>"
    )
    mended = polished(menu)
    assert '<summary aria-label="Pages below A &amp; &quot;B&quot;"><span' in mended
    assert "<summary>The rule" in mended
    assert polished(mended) == mended


def test_only_pages_that_need_it_are_written(tmp_path):
    done, other = tmp_path / "done.html", tmp_path / "sub" / "b.html"
    other.parent.mkdir()
    done.write_text("<p>nothing</p>", encoding="utf-8")
    other.write_text(PAGE, encoding="utf-8")
    before = done.stat().st_mtime_ns
    polish(tmp_path)
    assert done.stat().st_mtime_ns == before
    assert other.read_text(encoding="utf-8") == polished(PAGE)
