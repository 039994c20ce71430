"""The official SDK, unmodified, against Holdfast.

What a company changes when it moves to Holdfast is done here and nothing else: the base URL and
the text in the place of the access token. Each of the SDK's ways of sending is used, and each way
of being refused looks to it as if Meta had refused.
"""

import asyncio
import json
import os
import sys
import time
import unittest
import uuid

import requests
from facebook_business.adobjects.serverside.action_source import ActionSource
from facebook_business.adobjects.serverside.content import Content
from facebook_business.adobjects.serverside.custom_data import CustomData
from facebook_business.adobjects.serverside.event import Event
from facebook_business.adobjects.serverside.event_request import EventRequest
from facebook_business.adobjects.serverside.event_request_async import EventRequestAsync
from facebook_business.adobjects.serverside.event_response import EventResponse
from facebook_business.adobjects.serverside.http_service_interface import HttpServiceInterface
from facebook_business.adobjects.serverside.user_data import UserData
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession

BASE_URL = os.environ["BASE_URL"].rstrip("/")
INGEST_KEY = os.environ["INGEST_KEY"]
DATASET = os.environ["DATASET"]

# What was accepted, for whoever compares it with what arrived.
SENT = []


def init(token=INGEST_KEY, app_secret=None):
    FacebookSession.GRAPH = BASE_URL
    FacebookAdsApi.init(access_token=token, app_secret=app_secret, crash_log=False)


def event(**changes):
    """A purchase by one and the same person, with identifiers as people type them."""
    values = {
        "event_name": "Purchase",
        "event_time": int(time.time()),
        "event_id": f"sdk-{uuid.uuid4()}",
        "action_source": ActionSource.WEBSITE,
        "event_source_url": "https://shop.example/thank-you",
        "user_data": UserData(
            emails=[" Joe@eXample.com "],
            phones=["+1 (415) 555-0199"],
            first_names=["Joe"],
            country_codes=["US"],
            client_ip_address="203.0.113.9",
            client_user_agent="Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
            fbp=f"fb.1.{int(time.time()) * 1000}.1098115397",
        ),
        "custom_data": CustomData(
            currency="usd",
            value=123.45,
            contents=[Content(product_id="sku-1", quantity=2, item_price=61.5)],
        ),
    }
    values.update(changes)
    return Event(**values)


def note(mode, events):
    SENT.extend(
        {"mode": mode, "event_id": e.event_id, "event_name": e.event_name, "event_time": e.event_time}
        for e in events
    )


class OwnClient(HttpServiceInterface):
    """What the SDK's documentation tells people to write who bring their own HTTP client."""

    def execute(self, url, method, request_options, headers, params):
        response = requests.post(url, headers=headers, data=params, timeout=30)
        response.raise_for_status()
        body = response.json()
        return EventResponse(
            events_received=body["events_received"],
            fbtrace_id=body["fbtrace_id"],
            messages=body["messages"],
        )


class Accepted(unittest.TestCase):
    def check(self, mode, events, response):
        self.assertEqual(response.events_received, len(events))
        self.assertEqual(response.messages, [])
        self.assertRegex(response.fbtrace_id, r"^A[A-Za-z0-9_-]{22}$")
        note(mode, events)

    def test_synchronous(self):
        init()
        events = [event(), event(event_name="ViewContent")]
        self.check("synchronous", events, EventRequest(pixel_id=DATASET, events=events).execute())

    def test_synchronous_with_a_proof(self):
        # The proof is made with a secret that Holdfast never saw, over a key that is no token.
        init(app_secret="0123456789abcdef" * 2)
        events = [event()]
        request = EventRequest(pixel_id=DATASET, events=events, partner_agent="sdk-e2e")
        self.check("synchronous with a proof", events, request.execute())

    def test_own_client(self):
        init()
        events = [event(), event()]
        request = EventRequest(
            pixel_id=DATASET, events=events, http_client=OwnClient(), access_token=INGEST_KEY
        )
        self.check("own client", events, request.execute())

    def test_asynchronous(self):
        init()
        batches = [[event(), event()] for _ in range(3)]

        async def send():
            requests_ = [EventRequestAsync(pixel_id=DATASET, events=batch) for batch in batches]
            return await asyncio.gather(*(request.execute() for request in requests_))

        for batch, response in zip(batches, asyncio.run(send())):
            self.check("asynchronous", batch, response)

    def test_many_at_once(self):
        init()
        events = [event() for _ in range(1000)]
        self.check("many at once", events, EventRequest(pixel_id=DATASET, events=events).execute())


class Refused(unittest.TestCase):
    def refusal(self, events, dataset=DATASET):
        with self.assertRaises(FacebookRequestError) as caught:
            EventRequest(pixel_id=dataset, events=events).execute()
        return caught.exception

    def test_an_event_that_is_too_old_by_its_place(self):
        init()
        old = event(event_time=int(time.time()) - 10 * 86_400)
        error = self.refusal([event(), old, event()])
        self.assertEqual(error.http_status(), 400)
        self.assertEqual(error.api_error_code(), 100)
        self.assertEqual(error.api_error_subcode(), 2804003)
        self.assertEqual(error.api_error_type(), "OAuthException")
        self.assertIn("$['data'][1]['event_time']", error.api_error_message())
        self.assertFalse(error.api_transient_error())
        body = error.body()["error"]
        self.assertEqual(body["error_user_title"], "meta.event_too_old")
        self.assertIn("event 1, event_time", body["error_user_msg"])
        self.assertIn("fbtrace_id", body)

    def test_a_purchase_without_a_value(self):
        init()
        error = self.refusal([event(), event(custom_data=CustomData(currency="usd"))])
        self.assertEqual((error.api_error_code(), error.api_error_subcode()), (100, 2804009))

    def test_an_event_without_a_person(self):
        init()
        error = self.refusal([event(user_data=UserData())])
        self.assertEqual((error.api_error_code(), error.api_error_subcode()), (100, 2804050))

    def test_a_key_that_is_none(self):
        init(token="hfk_made-up")
        error = self.refusal([event()])
        self.assertEqual((error.http_status(), error.api_error_code()), (401, 190))
        self.assertIn("Cannot parse access token", error.api_error_message())
        self.assertNotIn("hfk_made-up", json.dumps(error.body()))

    def test_a_dataset_that_is_unknown(self):
        init()
        error = self.refusal([event()], dataset="1")
        self.assertEqual((error.api_error_code(), error.api_error_subcode()), (100, 33))
        self.assertEqual(error.api_error_type(), "GraphMethodException")


if __name__ == "__main__":
    result = unittest.main(argv=[sys.argv[0], "-v"], exit=False).result
    print(json.dumps({"sent": SENT}))
    print(f"sent {len(SENT)}")
    sys.exit(0 if result.wasSuccessful() else 1)
