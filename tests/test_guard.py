"""The wall around loopback stands, and lets loopback through."""

import socket

import pytest
import requests

TEST_NET = "192.0.2.1"  # RFC 5737: documentation only


def test_a_connection_to_another_machine_is_refused() -> None:
    with socket.socket() as probe, pytest.raises(RuntimeError, match=TEST_NET):
        probe.connect((TEST_NET, 80))


def test_a_name_look_up_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"api\.example\.com"):
        requests.get("https://api.example.com/", timeout=1)


def test_loopback_is_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), timeout=5):
        connection, (host, _) = server.accept()
        connection.close()
    assert host == "127.0.0.1"
