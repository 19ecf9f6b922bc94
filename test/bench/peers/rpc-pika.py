"""pika: calls, one after the other over one connection; prints the median and the 99th percentile of the round trips, in milliseconds."""

import math
import sys
import time
import uuid

import pika

url, queue, count, kind = sys.argv[1:]
parameters = pika.URLParameters(url)
connection = pika.BlockingConnection(parameters)
channel = connection.channel()
reply_to = "amq.rabbitmq.reply-to" if kind == "direct" else channel.queue_declare("", exclusive=True).method.queue
correlation_id = None
reply = None


def on_reply(_channel, _method, properties, body):
    global reply
    if properties.correlation_id == correlation_id:
        reply = body


channel.basic_consume(reply_to, on_reply, auto_ack=True)
round_trips = []
for number in range(int(count)):
    body = b"%d" % number
    correlation_id = str(uuid.uuid4())
    reply = None
    started = time.perf_counter()
    channel.basic_publish("", queue, body, pika.BasicProperties(reply_to=reply_to, correlation_id=correlation_id))
    while reply is None:
        connection.process_data_events(time_limit=None)
    round_trips.append((time.perf_counter() - started) * 1000)
    assert reply == body
connection.close()

round_trips.sort()
for part in (0.5, 0.99):
    print(round_trips[math.ceil(len(round_trips) * part) - 1])
