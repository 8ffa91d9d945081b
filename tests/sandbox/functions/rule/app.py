"""Takes the events of a rule."""

import small


def handler(event, context):
    small.note("rule", event["detail"])
