"""BigCommerce as the product meets it: stores, their orders, their webhooks, the app's own login."""

from sandbox.simulators.bigcommerce.simulator import Simulator

__all__ = ["Simulator"]
