<<<<<<< HEAD
"""Notices: who hears of what by which channel, and the words of it."""
=======
"""Notices: what people and merchants' systems are told when something happens to an order."""
>>>>>>> channels
