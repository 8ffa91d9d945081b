"""The functions of tests/functions in one process, with their clock and their WeChat."""

from tests.functions.conftest import clock as clock
from tests.functions.conftest import cloud as cloud
