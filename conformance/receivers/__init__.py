"""Small receivers: one that is right, twelve with one mistake each, and those that people write with libraries."""
