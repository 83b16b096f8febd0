import pytest

from gateway.broker import BrokerAddress
from gateway.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "address", "shown"),
    [
        ("mqtt://broker", BrokerAddress("broker", 1883), "mqtt://broker:1883"),
        ("mqtt://10.0.0.7:1884/", BrokerAddress("10.0.0.7", 1884), "mqtt://10.0.0.7:1884"),
        ("mqtt://[::1]:1884", BrokerAddress("::1", 1884), "mqtt://[::1]:1884"),
        ("mqtts://broker", BrokerAddress("broker", 8883, scheme="mqtts"), "mqtts://broker:8883"),
        ("ws://broker", BrokerAddress("broker", 80, scheme="ws", path="/mqtt"), "ws://broker:80/mqtt"),
        ("wss://broker/x/y", BrokerAddress("broker", 443, scheme="wss", path="/x/y"), "wss://broker:443/x/y"),
        ("mqtt://ann:p%40ss@broker", BrokerAddress("broker", 1883, "ann", "p@ss"), "mqtt://ann@broker:1883"),
    ],
)
def test_a_url_says_where_the_broker_is_and_who_asks(url: str, address: BrokerAddress, shown: str) -> None:
    assert BrokerAddress.parse(url) == address
    assert str(address) == shown


@pytest.mark.parametrize(
    "url",
    [
        "amqp://ann:secret@broker",
        "wss://ann:secret@broker/mqtt?x=1",
        "broker:1883",
        "mqtt://",
        "mqtt://ann:secret@bro ker",
        "mqtt://ann:secret@a..b",
        "mqtt://ann:secret@broker:99999",
        "mqtt://ann:secret@broker:0",
        "mqtt://ann:secret@broker/topic",
        "mqtt://:secret@broker",
        "mqtt://ann:secret/more@broker",
        "mqtt://ann:secret@[::1",
    ],
)
def test_another_url_is_an_error_that_says_what_is_allowed_and_no_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        BrokerAddress.parse(url)
    assert "mqtt.url" in str(caught.value)
    assert "allowed: mqtt:// (mqtts, ws or wss) [user:password@]host[:port]" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_password_is_not_in_the_representation() -> None:
    assert "secret" not in repr(BrokerAddress.parse("mqtt://ann:secret@broker"))
