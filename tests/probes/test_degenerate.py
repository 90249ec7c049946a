"""Collapse is told from a wrong answer."""

from __future__ import annotations

import pytest

from illusion_lib.probes.degenerate import classify


@pytest.mark.parametrize(
    ("output", "language", "finished", "expected"),
    [
        ("Paris", "en", True, "ok"),
        ("The capital of France is Paris, Paris is nice", "en", True, "ok"),
        ("", "en", True, "empty"),
        (" ...!", "es", False, "empty"),
        ("Bahia, Bahia, Bahia", "pt", False, "repetition"),
        ("the city of the city of the city of", "en", False, "repetition"),
        ("Bora Bora", "en", True, "ok"),
        ("lalalalalala", "en", True, "repetition"),
        ("北京北京北京北京北京", "zh", False, "repetition"),
        ("北京", "zh", True, "ok"),
        ("Beijing", "zh", True, "wrong_language"),
        ("Москва", "en", True, "wrong_language"),
        ("Москва", "ru", True, "ok"),
        ("東京です", "ja", True, "ok"),
        ("القاهرة", "ar", True, "ok"),
        ("नई दिल्ली", "hi", True, "ok"),
        ("Москва", "xx", True, "ok"),
        ("Beograd", "sr", True, "ok"),
        ("Београд", "sr", True, "ok"),
        ("Sofia", "bg", True, "wrong_language"),
        ("भारत", "vi", True, "wrong_language"),
        ("ភ្នំពេញ", "km", True, "ok"),
        ("Madrid is the capital", "es", True, "ok"),  # languages of one script are not told apart
        ("1.000.000", "en", True, "ok"),
        ("a very long answer that did not", "en", False, "truncated"),
    ],
)
def test_classes(output, language, finished, expected):
    assert classify(output, language, finished) == expected
