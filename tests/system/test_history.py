"""Every closed interval reaches those who listen, whatever happens to the broker and to the gateway."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.brokers import BrokerOfYours
from tests.support.process import Gateway

METERS = 5
MISHAPS = 10
KILLED_AT = (3, 7)
PLANT = """
clock: {speed: 3000, tick_s: 0.05}
state: state
modbus: {enabled: false}
bacnet: {enabled: false}
http: {port: 0}
mqtt: {url: "URL", payload: [history]}
meters: [{count: 5, ct_a: 100, model: series-2000-120-208, load: {kw: 10}}]
"""


class _Listener:
    """A client of others that comes back at once; it has the numbers of all intervals, by topic, in order."""

    def __init__(self, port: int) -> None:
        self.heard: dict[str, list[int]] = {}
        self._port = port
        self._ended = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "listener", clean_session=False)
        self._client.on_connect = lambda client, *_: client.subscribe("metergate/+/+/history", qos=1)
        self._client.on_message = lambda _, __, message: self.heard.setdefault(message.topic, []).append(
            json.loads(message.payload)["sequence"]
        )
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        """Connect as soon as there is a broker: before the gateway, which waits 0.1 s at least."""
        while not self._ended.is_set():
            try:
                self._client.connect("127.0.0.1", self._port)
                while self._client.loop(0.01) == paho.MQTT_ERR_SUCCESS and not self._ended.is_set():
                    pass
            except OSError:
                time.sleep(0.005)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen until the end."""
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._thread.join()

    @property
    def latest(self) -> int:
        """The interval up to which all meters have told."""
        told = self.heard.values()
        return min((max(numbers) for numbers in told), default=0) if len(self.heard) == METERS else 0


def _until(listener: _Listener, latest: int) -> None:
    deadline = time.monotonic() + 30
    while listener.latest < latest:
        assert time.monotonic() < deadline, f"{listener.latest} of {latest}"
        time.sleep(0.01)


def _befall(broker: BrokerOfYours, nth: int) -> None:
    """Kill the broker and start it again some time later, or freeze it and let it go on."""
    if nth % 2:
        broker.kill()
        time.sleep(0.05 * nth)
        broker.start()
    else:
        broker.signal(signal.SIGSTOP)
        time.sleep(0.1 * nth)
        broker.signal(signal.SIGCONT)


@pytest.mark.real_client("mosquitto")
def test_every_interval_arrives_in_order_though_broker_and_gateway_die_again_and_again(
    tmp_path: Path,
) -> None:
    broker = BrokerOfYours(tmp_path).start()
    (tmp_path / "plant.yaml").write_text(PLANT.replace("URL", broker.url))
    listener = _Listener(broker.port)
    running = Gateway(tmp_path, "plant.yaml")
    try:
        with listener.listening():
            for nth in range(1, MISHAPS + 1):
                _befall(broker, nth)
                _until(listener, listener.latest + 10)
                if nth in KILLED_AT:
                    running.stop(signal.SIGKILL)
                    running = Gateway(tmp_path, "plant.yaml")
            running.stop()
            time.sleep(0.2)
    finally:
        running.stop()
        broker.kill()
    _check(listener)


def _check(listener: _Listener) -> None:
    """Of each meter the numbers go on from 1 without a gap, once what has come twice is taken once."""
    assert len(listener.heard) == METERS
    for numbers in listener.heard.values():
        highest, first_times = 0, []
        for number in numbers:
            if number > highest:
                first_times.append(number)
            highest = max(number, highest)
        assert first_times == list(range(first_times[0], highest + 1))
        assert first_times[0] == 1
        assert len(numbers) - len(first_times) < 50 * MISHAPS
