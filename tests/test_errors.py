"""Texts in messages and tables."""

from hypothesis import given
from hypothesis import strategies as st

from xsurvey.errors import plain_ascii


@given(st.text())
def test_plain_text_is_ascii_of_the_same_length(text: str) -> None:
    plain = plain_ascii(text)
    assert plain.isascii()
    assert plain.isprintable()
    assert len(plain) == len(text)
    assert plain_ascii(plain) == plain
    assert all(p in (t, "_") for p, t in zip(plain, text, strict=True))
