"""The sources of messages: one module per source, and the parts that all sources share.

`event.read_event` turns an event into deliveries, and `response.build_response` turns failed
deliveries into the response. `registry` lists the sources. Code outside this package never compares
the name of a source: it asks the delivery, which uses the `SourceAdapter` of its source.

The source is the service that invokes Lambda: it delivers again and reads the response. A body may
hold the event of another service (an SQS body holds an SNS notification, which holds an S3 event).
The wrappers of the services in the settings are removed, so that the body is what the producer
sent. Fields of a wrapper are kept apart from fields of the source: anybody who may send to a queue
can write a body that looks like a wrapper.

tests/handler/golden_events has an example of each event; test_messages.py cites its URL.
"""
