"""Snap's official SDK, unmodified, against Holdfast.

Its base URL and the text in the place of the access token are all that changes. The SDK speaks
version 2, hashes what it is given in the clear, and turns every error into a text.
"""

import json
import os
import time
import unittest
import uuid

from snap_business_sdk.public.conversion_api import ConversionApi
from snap_business_sdk.public.conversion_event import ConversionEvent

BASE_URL = os.environ["BASE_URL"].rstrip("/")
INGEST_KEY = os.environ["INGEST_KEY"]
PIXEL = os.environ["DATASET"]

# What was accepted, for whoever compares it with what arrived.
SENT = []


def api(key=INGEST_KEY):
    return ConversionApi(access_token=key, launchpad_url=BASE_URL)


def event(**changes):
    values = {
        "pixel_id": PIXEL,
        "event_type": "PURCHASE",
        "event_conversion_type": "WEB",
        "timestamp": str(int(time.time() * 1000)),
        "client_dedup_id": f"snap-{uuid.uuid4()}",
        "email": " Person@Example.com ",
        "phone_number": "+44 844 412 4653",
        "page_url": "https://shop.example/thank-you",
        "price": "123.45",
        "currency": "EUR",
        "transaction_id": "order-1",
        "item_ids": "sku-1,sku-2",
        "number_items": "2",
    }
    values.update(changes)
    return ConversionEvent(**values)


def ids(events):
    return [one.getCapiEvent()["client_dedup_id"] for one in events]


class WhatIsAccepted(unittest.TestCase):
    def check(self, events, answer):
        self.assertEqual(answer.status, "SUCCESS")
        SENT.extend(ids(events))

    def test_one_event(self):
        one = event()
        self.check([one], api().send_event_sync(one))

    def test_several_events(self):
        events = [event() for _ in range(20)]
        self.check(events, api().send_events_sync(events))

    def test_several_events_in_the_background(self):
        events = [event() for _ in range(20)]
        self.check(events, api().send_events(events).get(30))

    def test_as_many_as_a_request_may_hold(self):
        events = [event() for _ in range(2000)]
        self.check(events, api().send_events_sync(events))


class WhatIsOnlyChecked(unittest.TestCase):
    def test_an_event(self):
        answer = api().send_test_event(event())
        self.assertEqual(answer.status, "SUCCESS")

    def test_what_is_remembered_of_it(self):
        self.assertEqual(api().get_test_event_stats(PIXEL).status, "SUCCESS")
        self.assertEqual(api().get_test_event_logs(PIXEL).status, "SUCCESS")


class WhatIsRefused(unittest.TestCase):
    def refused(self, events, status, words, key=INGEST_KEY):
        said = api(key).send_events_sync(events).get()["reason"]
        self.assertIn(f"Status Code: {status}", said)
        self.assertIn(words, said)
        self.assertNotIn(key, said)

    def test_a_purchase_without_a_price(self):
        self.refused([event(), event(price="")], 400, '"record_indexes":[1]')

    def test_an_event_that_is_too_old(self):
        old = str(int(time.time() * 1000) - 9 * 86_400_000)
        self.refused([event(timestamp=old)], 400, "snap.event_too_old")

    def test_a_pixel_that_is_unknown(self):
        self.refused([event(pixel_id=str(uuid.uuid4()))], 404, "unknown")

    def test_a_key_that_is_none(self):
        self.refused([event()], 401, "Invalid access token", key="hfk_made-up")


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    print(json.dumps({"sent": SENT}))
    print(f"sent {len(SENT)}")
    raise SystemExit(not result.wasSuccessful())
