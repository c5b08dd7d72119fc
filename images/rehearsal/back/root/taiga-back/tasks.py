"""The rehearsal's queue of tasks and its events, on the broker, by the names of Taiga's own environment."""

import json
import os
import uuid

import pika

QUEUE = "tasks"  # durable, and mirrored as every queue is
EVENTS = "events"  # an exchange: each listener has a queue of its own
Error = (pika.exceptions.AMQPError, OSError)


def connect():
    """A channel of a connection of its own. Raises Error, as do the others."""
    credentials = pika.PlainCredentials(os.environ["RABBITMQ_USER"], os.environ["RABBITMQ_PASS"])
    host = os.environ["TAIGA_ASYNC_RABBITMQ_HOST"]
    seconds = {"heartbeat": 30, "socket_timeout": 10, "stack_timeout": 30, "blocked_connection_timeout": 30}
    channel = pika.BlockingConnection(pika.ConnectionParameters(host, 5672, "taiga", credentials, **seconds)).channel()
    channel.queue_declare(QUEUE, durable=True)
    channel.exchange_declare(EVENTS, "fanout", durable=True)
    return channel


def send(channel, name, sender, task_id=None):
    """Returns when the broker has the task on every mirror; the channel is to have confirm_delivery."""
    task = json.dumps({"id": task_id or str(uuid.uuid4()), "task": name, "sender": sender})
    channel.basic_publish("", QUEUE, task, pika.BasicProperties(delivery_mode=2), mandatory=True)


def tell(channel, event):
    channel.basic_publish(EVENTS, "", json.dumps(event))
