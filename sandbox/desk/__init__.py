"""The newcomer's page, at the control port's root: buy something, break something, watch it be explained.

A pure client: every click is calls of the merchant API and of the control port, which the page shows as curl.
"""
