import asyncio
import contextlib
import json
import socket
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.config.report import Options
from gateway.errors import AddressInUseError
from gateway.web.adapter import WebAdapter
from gateway.web.schemas import MeterList, OneMeter
from sims.points import PUBLISHED
from tests.gateway.web.conftest import Served, Start

ADVANCE = "/api/v1/clock/advance"
CLOCK = "/api/v1/clock"
RIGHT = {"open": False, "exchanged": False}
METER = "/api/v1/meters/M0003"


async def test_health_needs_nothing_and_answers_head_too(station: Served) -> None:
    answer = await station.call("GET", "/healthz")
    assert (answer.status, answer.json) == (200, {"status": "ok"})
    head = await station.call("HEAD", "/healthz")
    assert (head.status, head.body) == (200, b"")


async def test_readiness_says_which_parts_do_not_serve_yet(start: Start) -> None:
    answer = await (await start()).call("GET", "/readyz")
    assert (answer.status, answer.json) == (200, {"status": "ready", "parts": {"http": True}})
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        url = f"mqtt://127.0.0.1:{nobody.getsockname()[1]}"
        away: Options = {("mqtt", "enabled"): ("", True), ("mqtt", "url"): ("", url)}
        answer = await (await start(more=away)).call("GET", "/readyz")
    assert answer.status == 503
    assert answer.json == {"status": "not ready", "parts": {"http": True, "mqtt": False}}


async def test_the_start_page_leads_to_paths_that_answer(station: Served) -> None:
    for path in (await station.call("GET", "/")).json["links"].values():
        assert (await station.call("GET", path)).status == 200


async def test_the_gateway_says_what_it_hosts_and_where(station: Served) -> None:
    gateway = (await station.call("GET", "/api/v1/gateway")).json
    assert (gateway["id"], gateway["name"], gateway["meters"]) == ("plant-a", "Plant A", 3)
    assert (gateway["tick"], gateway["time"]) == (0, "2026-01-05T00:00:00Z")
    assert gateway["clock"]["mode"] == "manual"
    assert gateway["endpoints"][0]["address"] == station.adapter.ready()["http"]
    assert gateway["untold"] == {"waiting": 0, "lost": 0}


async def test_no_answer_to_a_client_without_the_token_holds_it(station: Served) -> None:
    paths = ["/", "/healthz", "/readyz", "/nowhere", "/api/v1/openapi.json", "/api/v1/gateway", CLOCK]
    for path in [*paths, "/api/v1/meters", "/api/v1/meters/M0001"]:
        answer = await station.call("GET", path)
        assert station.adapter.token not in f"{answer.headers}{answer.body!r}"


async def test_a_meter_comes_with_its_nameplate_its_places_and_its_readings(station: Served) -> None:
    meter = (await station.call("GET", "/api/v1/meters/M0003")).json
    nameplate = station.nameplates[2]
    assert (meter["id"], meter["number"], meter["serial"]) == ("M0003", 3, nameplate.serial)
    assert meter["model"] == "series-1000-120-240"
    assert (meter["ct_kind"], meter["enclosure"], meter["tags"]) == ("solid", "indoor-steel", {"floor": "2"})
    assert [meter[place] for place in ("modbus", "device_instance", "topic")] == [None, None, None]
    assert meter["tick"] == 0
    assert meter["readings"]["voltage_l2_n"] == 120.0
    assert meter["readings"]["powered"] is True
    assert "voltage_l3_n" not in meter["readings"]
    assert "phase_loss_l3" not in meter["readings"]


async def test_the_meters_are_answered_as_the_openapi_document_says(station: Served) -> None:
    everything = MeterList.model_validate((await station.call("GET", "/api/v1/meters")).json, extra="forbid")
    assert [meter.id for meter in everything.meters] == ["M0001", "M0002", "M0003"]
    OneMeter.model_validate((await station.call("GET", "/api/v1/meters/M0002")).json, extra="forbid")
    document = (await station.call("GET", "/api/v1/openapi.json")).json
    for path, model in (("/api/v1/meters", "MeterList"), ("/api/v1/meters/{meter_id}", "OneMeter")):
        content = document["paths"][path]["get"]["responses"]["200"]["content"]
        assert content == {"application/json": {"schema": {"$ref": f"#/components/schemas/{model}"}}}


async def test_a_long_list_shows_one_tick_and_lets_others_work_meanwhile(start: Start) -> None:
    station = await start(meters=120)
    pieces = station.adapter._answers.meters()
    first = next(pieces)
    await station.advance(60)
    everything = json.loads(first + b"".join(pieces))
    assert everything["tick"] == 0
    assert len(everything["meters"]) == 120
    assert {meter["readings"]["energy"] for meter in everything["meters"]} == {0.0}
    assert len(list(station.adapter._answers.meters())) == 5


async def test_meters_are_listed_in_order_or_as_asked(station: Served) -> None:
    everything = (await station.call("GET", "/api/v1/meters")).json
    assert [meter["id"] for meter in everything["meters"]] == ["M0001", "M0002", "M0003"]
    some = (await station.call("GET", "/api/v1/meters?ids=M0003,M0001")).json
    assert [meter["id"] for meter in some["meters"]] == ["M0003", "M0001"]
    assert some["meters"][0] == everything["meters"][2]


async def test_an_unknown_meter_is_a_problem_that_names_it(station: Served) -> None:
    for path in ("/api/v1/meters/M0009", "/api/v1/meters?ids=M0001,M0009"):
        answer = await station.call("GET", path)
        assert answer.status == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json["status"] == 404
        assert "M0009" in answer.json["detail"]


async def test_an_advance_is_answered_with_the_new_tick_and_everything_shows_it(
    station: Served,
) -> None:
    answer = await station.call("POST", ADVANCE, {"seconds": 300.5})
    assert (answer.status, answer.json) == (200, {"tick": 1, "time": "2026-01-05T00:05:00.500000Z"})
    for path in ("/api/v1/gateway", "/api/v1/meters", "/api/v1/meters/M0001", CLOCK):
        shown = (await station.call("GET", path)).json
        assert (shown["tick"], shown["time"]) == (1, answer.json["time"])
    assert (await station.call("GET", "/api/v1/meters/M0001")).json["readings"]["energy"] > 0


async def test_a_change_is_answered_with_the_meter_at_the_new_tick(station: Served) -> None:
    body = {"load": {"amps": [10, 10], "pf": [1, 1]}, "wiring": {"ct2": {"polarity": "reversed"}}}
    answer = await station.call("PATCH", METER, body)
    assert answer.status == 200
    OneMeter.model_validate(answer.json, extra="forbid")
    assert (answer.json["tick"], answer.json["load"]["amps"]) == (1, [10, 10])
    assert answer.json["wiring"]["ct2"] == {"line": 2, "polarity": "reversed", "ratio": 1.0} | RIGHT
    assert answer.json["wiring"]["ct1"]["polarity"] == "normal"
    assert answer.json["readings"]["negative_power_l2"] is True
    shown = (await station.call("GET", METER)).json
    assert shown == answer.json


async def test_what_a_meter_shows_can_be_sent_back(station: Served) -> None:
    shown = (await station.call("GET", METER)).json
    body = {key: shown[key] for key in ("load", "wiring", "supply", "environment")}
    after = (await station.call("PATCH", METER, body)).json
    assert after == shown | {"tick": 1}


async def test_a_change_that_cannot_be_changes_nothing(station: Served) -> None:
    before = (await station.call("GET", METER)).json
    answer = await station.call("PATCH", METER, {"load": {"kw": 1}, "wiring": {"ct3": {"open": True}}})
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json["detail"] == (
        "body.wiring.ct3: series-1000-120-240 has no ct3; allowed: ct1, ct2, v1, v2, n"
    )
    assert (await station.call("GET", METER)).json == before
    assert (await station.call("PATCH", "/api/v1/meters/nobody", {"load": {"kw": 1}})).status == 404


async def test_the_key_says_what_its_turn_is_worth(station: Served) -> None:
    key = f"{METER}/key-switch"
    answer = await station.call("POST", key, {"position": "right"})
    assert (answer.status, answer.json["tick"], answer.json["reset"]) == (200, 1, False)
    assert "the LCD shows total" in answer.json["reason"]
    assert "already" in (await station.call("POST", key, {"held_s": 0.5})).json["reason"]
    await station.call("POST", key, {"position": "home"})
    await station.advance(12)  # the LCD shows the peak
    held = (await station.call("POST", key, {"held_s": 0.5})).json
    assert (held["reset"], held["reason"]) == (None, "")
    await station.advance(0.5)
    long = (await station.call("POST", key, {"held_s": 2})).json
    assert (long["reset"], long["reason"]) == (False, "the key was turned for 2 s; allowed: up to 1 s")
    await station.advance(2)
    await station.advance(19 - 2.5)
    await station.advance(1)
    right = (await station.call("POST", key, {"position": "right"})).json
    home = (await station.call("POST", key, {"position": "home"})).json
    assert (right["reset"], home["reset"], home["reason"]) == (None, True, "")


async def test_what_came_of_a_turn_is_shown_with_the_tick_at_which_it_ended(station: Served) -> None:
    async def key_switch() -> Any:
        return (await station.call("GET", METER)).json["key_switch"]

    assert await key_switch() == {"position": "home", "last_turn": None}
    await station.advance(17.75)  # the LCD shows the peak from 12 s to 18 s
    held = (await station.call("POST", f"{METER}/key-switch", {"held_s": 0.5})).json
    assert (held["reset"], held["reason"]) == (None, "")
    assert await key_switch() == {"position": "right", "last_turn": None}
    await station.advance(0.499999)
    assert await key_switch() == {"position": "right", "last_turn": None}
    await station.advance(10)
    vain = {
        "time": "2026-01-05T00:00:18.250000Z",
        "reset": False,
        "reason": "the LCD shows test; allowed: a turn and back while it shows the peak",
    }
    assert await key_switch() == {"position": "home", "last_turn": vain}
    await station.advance(4)
    await station.call("POST", f"{METER}/key-switch", {"position": "right"})
    assert await key_switch() == {"position": "right", "last_turn": vain}
    await station.call("POST", f"{METER}/key-switch", {"position": "home"})
    made = {"time": "2026-01-05T00:00:32.249999Z", "reset": True, "reason": ""}
    assert await key_switch() == {"position": "home", "last_turn": made}


async def test_a_reset_from_afar_is_made_or_refused_with_the_reason(station: Served) -> None:
    await station.advance(900)
    assert (await station.call("GET", METER)).json["readings"]["peak_demand"] > 0
    answer = await station.call("POST", f"{METER}/reset-peak")
    assert (answer.status, answer.json) == (200, {"tick": 2, "time": "2026-01-05T00:15:00Z"})
    assert (await station.call("GET", METER)).json["readings"]["peak_demand"] == 0
    await station.call("PATCH", METER, {"supply": {"lost": [1]}})
    answer = await station.call("POST", f"{METER}/reset-peak")
    assert (answer.status, answer.json["detail"]) == (409, "the meter is without supply")


async def test_a_clock_refuses_what_its_mode_does_not_have(start: Start) -> None:
    real, manual = await start("real"), await start("manual")
    for answer in (
        await real.call("POST", ADVANCE, {"seconds": 1}),
        await manual.call("PATCH", CLOCK, {"speed": 2}),
    ):
        assert answer.status == 409
        assert answer.json["title"] == "Conflict"
        assert "clock is" in answer.json["detail"]


async def test_the_speed_and_the_pause_of_a_real_clock_can_be_changed(start: Start) -> None:
    async def reached() -> datetime:
        return datetime.fromisoformat((await real.call("PATCH", METER, {"load": {"kw": 1}})).json["time"])

    real = await start("real")
    changed = (await real.call("PATCH", CLOCK, {"speed": 36_000, "paused": True})).json
    assert (changed["speed"], changed["paused"]) == (36_000.0, True)
    paused = datetime.fromisoformat(changed["time"])
    await asyncio.sleep(0.05)
    assert await reached() == paused
    changed = (await real.call("PATCH", CLOCK, {"paused": False})).json
    assert (changed["speed"], changed["paused"]) == (36_000.0, False)
    assert datetime.fromisoformat(changed["time"]) == paused
    await asyncio.sleep(0.05)
    assert await reached() - paused >= timedelta(minutes=30)


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("POST", ADVANCE, {}, ["body.seconds", "missing"]),
        ("POST", ADVANCE, {"seconds": 0}, ["body.seconds", "more than 0"]),
        ("POST", ADVANCE, {"seconds": "1"}, ["body.seconds", "'1'", "a number"]),
        ("POST", ADVANCE, {"seconds": True}, ["body.seconds", "true", "a number"]),
        ("POST", ADVANCE, {"seconds": 1e-7}, ["body.seconds", "microseconds"]),
        ("POST", ADVANCE, {"seconds": 1e12}, ["body.seconds", "316224000"]),
        ("POST", ADVANCE, {"second": 1}, ["body.second:", "did you mean seconds?"]),
        ("POST", ADVANCE, [1], ["body:", "a list", "seconds"]),
        ("POST", ADVANCE, b'{"seconds": ', ["body, character 12", "not JSON"]),
        ("POST", ADVANCE, b'{"seconds": NaN}', ["body.seconds"]),
        ("PATCH", METER, {}, ["body: changes nothing", "load, wiring, supply, environment"]),
        ("PATCH", METER, [1], ["body:", "a list is not allowed; allowed: a mapping"]),
        ("PATCH", METER, None, ["body: is missing"]),
        ("PATCH", METER, {"load": {"kw": "1"}}, ["body.load.kw: '1' is not allowed; allowed: a number"]),
        ("PATCH", METER, {"link": {"mqtt": {}}}, ["body.link.mqtt.mode: is missing"]),
        ("PATCH", METER, b'{"\\ud800": 1}', ["body: '\\ud800' is not allowed"]),
        ("PATCH", METER, b'{"load": {"kw": 1, "\\ud800": 1}}', ["body.load"]),
        ("POST", f"{METER}/key-switch", {}, ["body: is not one turn; allowed: held_s, or position"]),
        ("POST", f"{METER}/key-switch", {"held_s": 1, "position": "right"}, ["held_s, or position"]),
        ("POST", f"{METER}/key-switch", {"held_s": 0}, ["body.held_s", "more than 0 and up to 3600"]),
        ("POST", f"{METER}/key-switch", {"position": "left"}, ["body.position", "right, home"]),
        ("PATCH", CLOCK, {}, ["body", "speed, paused"]),
        ("PATCH", CLOCK, {"speed": -1}, ["body.speed", "more than 0 and up to 100000"]),
        ("PATCH", CLOCK, {"paused": 1}, ["body.paused", "true or false"]),
    ],
)
async def test_a_bad_body_is_told_what_where_and_what_is_allowed(
    station: Served, method: str, path: str, body: object, words: list[str]
) -> None:
    answer = await station.call(method, path, body)
    assert answer.status == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail"} == set(answer.json)
    for word in words:
        assert word in answer.json["detail"]


@pytest.mark.parametrize(("method", "path"), [("PATCH", METER), ("PATCH", CLOCK)])
async def test_of_many_faults_the_first_ten_are_told(station: Served, method: str, path: str) -> None:
    answer = await station.call(method, path, {f"key{n}": n for n in range(1000)})
    assert answer.status == 422
    assert answer.json["detail"].count("unknown key") == 10


async def test_a_body_that_does_not_say_that_it_is_json_is_not_read(station: Served) -> None:
    answer = await station.call("POST", ADVANCE, {"seconds": 1}, {"Content-Type": "text/plain"})
    assert answer.status == 415
    assert "application/json" in answer.json["detail"]
    assert (await station.call("GET", CLOCK)).json["tick"] == 0


async def test_unknown_paths_and_methods_are_problems(station: Served) -> None:
    answer = await station.call("GET", "/api/v2")
    assert (answer.status, answer.json["title"]) == (404, "Not Found")
    assert "/api/v2" in answer.json["detail"]
    answer = await station.call("DELETE", "/api/v1/meters")
    assert answer.status == 405
    assert answer.headers["allow"] == "GET"
    assert "allowed: GET" in answer.json["detail"]


async def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not(station: Served) -> None:
    head = b"POST /api/v1/clock/advance HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    chunks = 17 * (b"10000\r\n" + b" " * 0x10000 + b"\r\n")
    for rest in (b"Content-Length: 1048577\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n" + chunks):
        answer = await _raw(station, head + rest)
        assert answer.startswith(b"HTTP/1.1 413")
        assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x00\xff\x00\xff\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /",
        b"GET / HTTP/1.1\r\nHost: [::\r\n\r\n",
        b"",
    ],
)
async def test_no_malformed_request_stops_the_service(station: Served, request_bytes: bytes) -> None:
    await _raw(station, request_bytes)
    assert (await station.call("GET", "/healthz")).status == 200


async def test_a_name_that_is_not_this_machines_is_refused_on_the_loopback(station: Served) -> None:
    answer = await station.call("GET", "/api/v1/meters", headers={"Host": "rebound.example:8080"})
    assert answer.status == 421
    assert "localhost" in answer.json["detail"]
    for host in ("localhost:1", "127.0.0.1", "[::1]:8080"):
        assert (await station.call("GET", "/healthz", headers={"Host": host})).status == 200


async def test_pages_of_other_sites_change_nothing(station: Served) -> None:
    answer = await station.call("POST", ADVANCE, {"seconds": 1}, {"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 403
    own = await station.call("POST", ADVANCE, {"seconds": 1}, {"Sec-Fetch-Site": "same-origin"})
    assert own.status == 200


async def test_the_openapi_document_describes_every_point_and_path(station: Served) -> None:
    document = (await station.call("GET", "/api/v1/openapi.json")).json
    assert {ADVANCE, CLOCK, "/api/v1/meters/{meter_id}", "/readyz"} <= set(document["paths"])
    change = document["paths"]["/api/v1/meters/{meter_id}"]["patch"]["requestBody"]["content"]
    schema = change["application/json"]["schema"]
    assert list(schema["properties"]) == ["load", "wiring", "supply", "environment", "link"]
    assert schema["additionalProperties"] is False
    readings = document["components"]["schemas"]["MeterView"]["properties"]["readings"]
    assert set(readings["properties"]) == {point.name for point in PUBLISHED}
    problems = document["paths"][ADVANCE]["post"]["responses"]["default"]["content"]
    assert list(problems) == ["application/problem+json"]


async def test_a_taken_port_says_which_option_moves_it(start: Start) -> None:
    station = await start()
    port = urlsplit(station.adapter.ready()["http"]).port or 0
    second = WebAdapter(
        gateway_id="b",
        gateway_name="",
        meters=station.nameplates,
        control=station.station.control,
        host="127.0.0.1",
        port=port,
    )
    with pytest.raises(AddressInUseError, match="already in use; --http-port moves it"):
        await second.start()
    await second.stop()


async def test_an_address_of_another_machine_says_so(start: Start) -> None:
    station = await start()
    second = WebAdapter(
        gateway_id="b",
        gateway_name="",
        meters=station.nameplates,
        control=station.station.control,
        host="192.0.2.1",
        port=0,
    )
    with pytest.raises(
        AddressInUseError, match=r"192\.0\.2\.1.* is not an address of this machine; --host moves it"
    ):
        await second.start()


async def test_stopping_closes_the_port_and_can_be_done_twice(start: Start) -> None:
    station = await start()
    address = urlsplit(station.adapter.ready()["http"])
    await station.adapter.stop()
    await station.adapter.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(address.hostname, address.port)


async def _raw(station: Served, request_bytes: bytes) -> bytes:
    """Send bytes, then nothing more; return what comes back."""
    address = urlsplit(station.adapter.ready()["http"])
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(request_bytes)
    writer.write_eof()
    try:
        return await asyncio.wait_for(reader.read(65_536), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
