"""The console: what people see. A client of the merchant API with the person's own token, and nothing beside.

Every rule stays in the API: a page shows what the API allows and why not, and never decides.
"""
