"""HTML and SVG from inside: what is left only shows."""

from __future__ import annotations

import time

import pytest

from llama3_tools.sandbox._markup import passive_html, passive_svg


@pytest.mark.parametrize(
    ("hostile", "passive"),
    [
        ("<b>x</b>", "<b>x</b>"),
        ("a < b & c &lt; d &amp; e", "a &lt; b &amp; c &lt; d &amp; e"),
        ("<script>alert(1)</script>x", "x"),
        ("<SCRIPT src=//evil></SCRIPT >x", "x"),
        ("<script>never closed", ""),
        ("<style>@import 'http://evil'</style>x", "x"),
        ("<b onclick='a()' class=k>x", '<b class="k">x</b>'),
        ("<b/onclick=a()>x</b>", "<b>x</b>"),
        ("<a href='javascript:a()'>x</a>", "x"),
        ("<img src='http://evil/track.gif' onerror=a()>", "<img>"),
        ("<img src='data:image/png;base64,AAAA'>", '<img src="data:image/png;base64,AAAA">'),
        ("<img src='data:text/html;base64,AAAA'>", "<img>"),
        ("<td style='color: red; text-align: right'>", '<td style="color: red; text-align: right"></td>'),
        ("<td style='background: url(http://evil)'>", "<td></td>"),
        ("<td style='background: u\\72l(http://evil)'>", "<td></td>"),
        ("<td style='background: &#117;rl(http://evil)'>", "<td></td>"),
        ("<iframe srcdoc='<script>1</script>'></iframe>x", "&lt;iframe srcdoc=''&gt;x"),
        ("<!-- <script>1</script> -->x<!-- open", "x"),
        ("<!DOCTYPE html><?php 1 ?>x", "x"),
        ("<svg><script>1</script></svg>x", "x"),
        ("<math><mtext></mtext></math>x", "x"),
        ("<table><tr><td>1</table>", "<table><tr><td>1</td></tr></table>"),
        ("</b></table>x", "x"),
        ("<b title='a\"b'>x</b>", '<b title="a&quot;b">x</b>'),
        ("&lt;script&gt;1&lt;/script&gt;", "&lt;script&gt;1&lt;/script&gt;"),
        ("<scr<script>1</script>ipt>x", "&lt;script&gt;x"),
        ("<form action=x><input><button>y</button></form>", "y"),
        ("<meta http-equiv=refresh content=0><base href=//evil><link rel=stylesheet href=x>z", "z"),
    ],
)
def test_html(hostile: str, passive: str) -> None:
    assert passive_html(hostile) == passive
    assert passive_html(passive) == passive


@pytest.mark.parametrize(
    ("hostile", "passive"),
    [
        ("<?xml version='1.0'?><svg viewBox='0 0 1 1'><path d='M0 0'/></svg>",
         '<svg viewBox="0 0 1 1"><path d="M0 0"></path></svg>'),
        ("<svg><clipPath id='a'/><g clip-path='url(#a)'/></svg>",
         '<svg><clipPath id="a"></clipPath><g clip-path="url(#a)"></g></svg>'),
        ("<svg onload='a()'><use xlink:href='#a'/><use href='http://evil'/></svg>",
         '<svg><use xlink:href="#a"></use><use></use></svg>'),
        ("<svg><animate attributeName='href' values='javascript:a()'/><set/></svg>", "<svg></svg>"),
        ("<svg><g fill='url(http://evil)'/></svg>", "<svg><g></g></svg>"),
        ("<svg><foreignObject><b>x</b></foreignObject></svg>", "<svg></svg>"),
        ("<!DOCTYPE svg [<!ENTITY a 'b'>]><svg><text>&a;</text></svg>", "<svg><text>&amp;a;</text></svg>"),
        ("<html>", ""),
    ],
)  # fmt: skip
def test_svg(hostile: str, passive: str) -> None:
    assert passive_svg(hostile) == passive


@pytest.mark.parametrize(
    "piece", ["<", "<b ", "<b a=", "<!--", "<script>", "</b", "<b a='", "a" * 50 + "=", "&", "\t"]
)
def test_time_grows_with_length_only(piece: str) -> None:
    """A quadratic step would take minutes."""
    text = piece * (1_000_000 // len(piece))
    began = time.process_time()
    passive_html(text)
    passive_html("<b " + text + ">")
    passive_svg("<svg>" + text)
    assert time.process_time() - began < 20
