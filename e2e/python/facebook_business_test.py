"""The official SDK sends through Holdfast: only its base URL and token differ."""

import os
import time

from facebook_business.adobjects.serverside.action_source import ActionSource
from facebook_business.adobjects.serverside.custom_data import CustomData
from facebook_business.adobjects.serverside.event import Event
from facebook_business.adobjects.serverside.event_request import EventRequest
from facebook_business.adobjects.serverside.event_request_async import EventRequestAsync
from facebook_business.adobjects.serverside.user_data import UserData
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession

KEY = os.environ["INGEST_KEY"]
DATASET = os.environ["DATASET"]


def event(number, **more):
    return Event(
        event_name=more.pop("event_name", "Purchase"),
        event_time=more.pop("event_time", int(time.time())),
        event_id=f"sdk-{number}",
        event_source_url="https://shop.example/thanks",
        action_source=ActionSource.WEBSITE,
        user_data=UserData(
            emails=[" Joe@Example.com "],
            phones=["12025550100"],
            client_ip_address="192.0.2.1",
            client_user_agent="Mozilla/5.0",
            fbc="fb.1.1554763741205.AbCdEfGhIjKlMnOpQrStUvWxYz1234567890",
        ),
        custom_data=more.pop("custom_data", CustomData(currency="usd", value=123.45)),
    )


def main():
    FacebookSession.GRAPH = os.environ["BASE_URL"]
    FacebookAdsApi.init(access_token=KEY, crash_log=False)
    sent = 0

    answer = EventRequest(events=[event(0), event(1)], pixel_id=DATASET).execute()
    assert answer.events_received == 2, answer
    assert answer.messages == [], answer
    assert answer.fbtrace_id, answer
    sent += 2

    # Purchase without a value: refused as a whole, in the platform's own error shape.
    try:
        bad = event(2, custom_data=CustomData(currency="usd"))
        EventRequest(events=[event(3), bad], pixel_id=DATASET).execute()
    except FacebookRequestError as error:
        assert error.api_error_code() == 100, error
        assert error.api_error_subcode() == 2804009, error
    else:
        raise AssertionError("a Purchase without value was accepted")

    # An unknown dataset: the platform's own words.
    try:
        EventRequest(events=[event(4)], pixel_id="999").execute()
    except FacebookRequestError as error:
        assert (error.api_error_code(), error.api_error_subcode()) == (100, 33), error
    else:
        raise AssertionError("an unknown dataset was accepted")

    # A wrong key looks like a wrong token.
    FacebookAdsApi.init(access_token="hfk_wrong", crash_log=False)
    try:
        EventRequest(events=[event(5)], pixel_id=DATASET).execute()
    except FacebookRequestError as error:
        assert error.api_error_code() == 190, error
    else:
        raise AssertionError("a wrong key was accepted")

    FacebookAdsApi.init(access_token=KEY, crash_log=False)
    asynchronous(sent)


def asynchronous(sent):
    import asyncio

    async def send():
        return await EventRequestAsync(events=[event(10), event(11), event(12)], pixel_id=DATASET).execute()

    answer = asyncio.run(send())
    assert answer.events_received == 3, answer
    print(f"sent {sent + 3}")


main()
