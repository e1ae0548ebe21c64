"""A description as its author meant it to be read: sentences, without the markup that some editors put into them."""

from __future__ import annotations

import re

_TAGS = (
    "a|abbr|address|animate|applet|area|article|aside|audio|b|base|bdi|bdo|big|blink|blockquote|body|br|button|canvas|"
    "caption|center|cite|code|col|colgroup|data|datalist|dd|del|details|dfn|dialog|dir|div|dl|dt|em|embed|fieldset|"
    "figcaption|figure|font|footer|foreignobject|form|frame|frameset|h[1-6]|head|header|hr|html|i|iframe|image|img|input|"
    "ins|isindex|kbd|keygen|label|legend|li|link|main|map|mark|marquee|math|menu|meta|meter|nav|noembed|noframes|noscript|"
    "object|ol|optgroup|option|output|p|param|image|plaintext|portal|pre|progress|q|rp|rt|ruby|s|samp|script|search|"
    "section|select|slot|small|source|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea|tfoot|"
    "th|thead|time|title|tr|track|tt|u|ul|use|var|video|wbr|xmp"
)
# What is drawn or run, and never read, goes with all that is in it.
_WHOLE = re.compile(
    r"<(script|style|template|svg|math|iframe|noscript|xmp)\b[^<>]*>(?:(?!<\1\b)[^\0]){0,4000}?</\1\s*>", re.IGNORECASE
)
_COMMENT = re.compile(r"<!--(?:(?!<!--)[^\0]){0,4000}?-->")
_TAG = re.compile(rf"</?(?:{_TAGS})(?=[\s/>])[^<>]*>|<[!?][^<>]*>", re.IGNORECASE)


def plain_text(text: str) -> str:
    """The text without HTML, on one line. What only looks like a tag stays: `<prompt>`, `<lora:ink:0.8>`, `a < b`."""
    without = _TAG.sub(" ", _WHOLE.sub(" ", _COMMENT.sub(" ", text)))
    return " ".join(without.split())
