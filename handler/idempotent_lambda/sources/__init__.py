"""Where messages come from: one module per source, and what all of them share.

`event.read_event` makes deliveries of an event, `response.build_response` makes the response of
what failed. `registry` lists the sources. Nothing outside of this package compares the name of a
source: a delivery answers instead, through the `SourceAdapter` of its source.

Whoever invokes Lambda is the source: it delivers again and reads the response. A body may hold the
event of another service (an SQS body holds an SNS notification, which holds an S3 event). The
wrappers of the services that the settings name are taken off, so that a body is what the producer
sent. Fields of a wrapper are kept apart from fields of the source: anybody who may send to a queue
can write a body that looks like a wrapper.

tests/handler/golden_events has an example of each event; test_messages.py cites its URL.
"""
