"""Windows for other eyes than the operator's: the participant's and the observers'.

`state` says what such a window shows and knows no Qt; `window` is what both have in common.
"""
