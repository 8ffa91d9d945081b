"""The refusals of the mini-program API."""


class MiniProgramError(Exception):
    """An errcode, and a text that people may read."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code
