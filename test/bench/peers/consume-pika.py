"""pika: a queue to standard output, a line a message; each message is acknowledged once its line is in the output buffer."""

import sys

import pika

PREFETCH = 500

url, queue, count = sys.argv[1:]
wanted = int(count)
connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()
channel.basic_qos(prefetch_count=PREFETCH)
out = sys.stdout.buffer

received = 0
for method, properties, body in channel.consume(queue):
    out.write(body)
    out.write(b"\n")
    channel.basic_ack(method.delivery_tag)
    received += 1
    if received == wanted:
        break
out.flush()
channel.close()
connection.close()
