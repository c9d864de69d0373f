"""Reads and writes a bus with qpid-proton, scene by scene, and says in JSON lines what it saw. Argument: the port."""
import sys
import uuid

from link_reading import (
    OfSession,
    Presettled,
    Requests,
    Settling,
    connect,
    dead_letter,
    described,
    filter_of,
    plain,
    refusal,
    say,
    settle,
    tag_bytes,
    take,
)
from proton import UNDESCRIBED, Array, Data, Delivery, Message, int32, symbol, timestamp, uint
from proton.utils import SendException

# Every type an application property may have here, under the name of the type.
TYPES = {
    "long": 2**53 - 1,
    "int": int32(-7),
    "double": 2.5,
    "boolean": True,
    "text": "CA0990100 é",
    "timestamp": timestamp(1_790_000_000_123),
    "uuid": uuid.UUID("00112233-4455-6677-8899-aabbccddeeff"),
    "symbol": symbol("a-symbol"),
    "null": None,
}


def payload(name, **more):
    return Message(id=name, body=b"\x00\x01\xfe\xff", inferred=True, **more)


def tokens(connection):
    cbs = Requests(connection, "$cbs")
    token = "SharedAccessSignature sr=sb%3a%2f%2flocal%2f&sig=x&se=9999999999&skn=k"
    name = "sb://127.0.0.1/reading-in"
    answer, is_ours = cbs.ask("put-token", token, type="servicebus.windows.net:sastoken", name=name)
    say("tokens", status=plain(answer.properties["status-code"]), answersUs=is_ours)


def sends(connection):
    sender = connection.create_sender("reading-in")
    largest = sender.link.remote_max_message_size
    typed = payload(
        "typed",
        subject="AM",
        content_type="application/octet-stream",
        correlation_id="c-1",
        reply_to="NV0990300",
        address="CA0990100",
        properties=TYPES,
        annotations={symbol("x-opt-partition-key"): "p"},
        ttl=600,
    )
    state = str(sender.send(typed).remote_state)
    try:
        sender.send(Message(id="large", body=b"x" * (largest + 1), inferred=True))
        refused = None
    except SendException as error:
        refused = str(error.state)
    after = str(sender.send(payload("after")).remote_state)
    say("sends", largest=largest, credit=sender.link.credit > 0, state=state, tooLarge=refused, after=after)
    sender.close()


def receives(connection):
    """What the SDK put there: one alone, then three in a batch."""
    receiver = connection.create_receiver("reading-out", credit=0, options=Settling())
    seen = []
    for _ in range(4):
        message, delivery = take(receiver)
        seen.append({**described(message), "tagBytes": len(tag_bytes(delivery))})
        settle(connection, delivery, Delivery.ACCEPTED)
    receiver.close()
    say("receives", messages=seen)


def outcomes(connection):
    sender = connection.create_sender("reading-outcomes")
    for name in ("released", "failed", "deferred", "dead", "done"):
        sender.send(payload(name))
    receiver = connection.create_receiver("reading-outcomes", credit=0, options=Settling())
    message, delivery = take(receiver)
    steps = [["first", message.id, message.delivery_count, settle(connection, delivery, Delivery.RELEASED)]]
    message, delivery = take(receiver)
    steps.append(["again", message.id, message.delivery_count, settle(connection, delivery, Delivery.ACCEPTED)])
    message, delivery = take(receiver)
    delivery.local.failed = True
    delivery.local.annotations = {symbol("tried"): "once"}
    steps.append(["modified", message.id, message.delivery_count, settle(connection, delivery, Delivery.MODIFIED)])
    message, delivery = take(receiver)
    tried = [message.id, message.delivery_count, (message.properties or {}).get("tried")]
    steps.append(["came back", *tried, settle(connection, delivery, Delivery.ACCEPTED)])
    message, delivery = take(receiver)
    number = message.annotations["x-opt-sequence-number"]
    delivery.local.undeliverable = True
    steps.append(["deferred", message.id, message.delivery_count, settle(connection, delivery, Delivery.MODIFIED)])
    message, delivery = take(receiver)
    steps.append(["dead", message.id, dead_letter(connection, delivery, "SCHEMA", "no such field")])
    message, delivery = take(receiver)
    steps.append(["done", message.id, settle(connection, delivery, Delivery.ACCEPTED)])
    receiver.close()
    dead_letters = connection.create_receiver(
        "reading-outcomes/$DeadLetterQueue", credit=0, options=Settling()
    )
    message, delivery = take(dead_letters)
    buried = [message.id, message.properties["DeadLetterReason"], message.properties["DeadLetterErrorDescription"]]
    settle(connection, delivery, Delivery.ACCEPTED)
    dead_letters.close()
    say("outcomes", steps=steps, buried=buried, aside=taken_aside(connection, number))


def taken_aside(connection, number):
    """The deferred message, by its number, and its end by the token that came with it."""
    management = Requests(connection, "reading-outcomes/$management")
    body = {"sequence-numbers": longs(number), "receiver-settle-mode": uint(1)}
    answer, _ = management.ask("com.microsoft:receive-by-sequence-number", body)
    (taken,) = answer.body["messages"]
    message = Message()
    message.decode(bytes(taken["message"]))
    ending = {"disposition-status": "completed", "lock-tokens": uuids(taken["lock-token"])}
    ended, _ = management.ask("com.microsoft:update-disposition", ending)
    gone, _ = management.ask("com.microsoft:receive-by-sequence-number", body)
    statuses = [int(one.properties["statusCode"]) for one in (answer, ended, gone)]
    return [message.id, *statuses, str(gone.properties["errorCondition"])]


def locks(connection):
    """The delivery tag is the lock's token: it renews the lock, and settles it over $management."""
    connection.create_sender("reading-locks").send(payload("locked"))
    receiver = connection.create_receiver("reading-locks", credit=0, options=Settling())
    message, delivery = take(receiver)
    token = uuid.UUID(bytes_le=tag_bytes(delivery))
    management = Requests(connection, "reading-locks/$management")
    renewed, _ = management.ask("com.microsoft:renew-lock", {"lock-tokens": uuids(token)})
    until = message.annotations["x-opt-locked-until"]
    later = renewed.body["expirations"]
    later = later.elements[0] if hasattr(later, "elements") else later[0]
    peeked, _ = management.ask(
        "com.microsoft:peek-message", {"from-sequence-number": 0, "message-count": int32(10)}
    )
    found = Message()
    found.decode(bytes(peeked.body["messages"][0]["message"]))
    ended, _ = management.ask(
        "com.microsoft:update-disposition", {"disposition-status": "completed", "lock-tokens": uuids(token)}
    )
    empty, _ = management.ask(
        "com.microsoft:peek-message", {"from-sequence-number": 0, "message-count": int32(10)}
    )
    receiver.close()
    statuses = [int(one.properties["statusCode"]) for one in (renewed, peeked, ended, empty)]
    say("locks", statuses=statuses, isLater=int(later) >= int(until), peeked=found.id)


def drains(connection):
    """Two messages for a credit of five: drained, they come and the rest of the credit is given back."""
    sender = connection.create_sender("reading-drain")
    for name in ("one", "two"):
        sender.send(payload(name))
    receiver = connection.create_receiver("reading-drain", credit=0, options=Settling())
    receiver.link.drain(5)
    connection.wait(lambda: receiver.link.credit == 0, msg="the credit is given back")
    credit = receiver.link.drained()
    came = []
    while receiver.fetcher.has_message:
        message, delivery = take(receiver)
        came.append(message.id)
        settle(connection, delivery, Delivery.ACCEPTED)
    say("drains", came=came, givenBack=credit)
    receiver.close()


def deletes(connection):
    """A presettled delivery has no lock, so it names no end of one."""
    sender = connection.create_sender("reading-drain")
    for name in ("gone-1", "gone-2"):
        sender.send(payload(name))
    receiver = connection.create_receiver("reading-drain", credit=2, options=Presettled())
    taken = [take(receiver) for _ in range(2)]
    annotations = sorted(str(key) for key in taken[0][0].annotations)
    management = Requests(connection, "reading-drain/$management")
    peek = {"from-sequence-number": 0, "message-count": int32(1)}
    empty, _ = management.ask("com.microsoft:peek-message", peek)
    say(
        "deletes",
        came=[message.id for message, _ in taken],
        settled=[delivery.settled for _, delivery in taken],
        left=int(empty.properties["statusCode"]),
        annotations=annotations,
    )
    receiver.close()


def sessions(connection):
    sender = connection.create_sender("reading-sessions")
    for name, session in (("a-1", "a"), ("b-1", "b"), ("a-2", "a")):
        sender.send(payload(name, group_id=session))
    held = connection.create_receiver("reading-sessions", credit=0, options=OfSession("a"))
    echoed = filter_of(held.link)
    ticks = held.link.remote_properties["com.microsoft:locked-until-utc"]
    came = []
    for _ in range(2):
        message, delivery = take(held)
        came.append([message.id, message.group_id, settle(connection, delivery, Delivery.ACCEPTED)])
    other = connect(sys.argv[1])
    second = refusal(lambda: other.create_receiver("reading-sessions", credit=0, options=OfSession("a")))
    following = connection.create_receiver("reading-sessions", credit=0, name="next", options=OfSession(None))
    given = filter_of(following.link)
    message, delivery = take(following)
    settle(connection, delivery, Delivery.ACCEPTED)
    without = refusal(lambda: connection.create_receiver("reading-sessions", credit=0, name="without", options=Settling()))
    other.close()
    say(
        "sessions",
        echoed=plain(echoed),
        ticks=plain(ticks),
        came=came,
        heldByOther=second,
        given=plain(given),
        following=message.id,
        withoutSession=without,
    )


def refusals(connection):
    receiving = refusal(lambda: connection.create_receiver("no-such-entity", options=Settling()))
    sending = refusal(lambda: connection.create_sender("no-such-entity"))
    session = refusal(lambda: connection.create_receiver("reading-out", options=OfSession("a")))
    say("refusals", receiving=receiving, sending=sending, session=session)


def longs(*numbers):
    return Array(UNDESCRIBED, Data.LONG, *numbers)


def uuids(*tokens_):
    return Array(UNDESCRIBED, Data.UUID, *tokens_)


SCENES = (tokens, sends, receives, outcomes, locks, drains, deletes, sessions, refusals)

for scene in SCENES:
    connection = connect(sys.argv[1])
    try:
        scene(connection)
    except Exception as error:  # the node side reads it as the scene's failure
        say(scene.__name__, fault=f"{type(error).__name__}: {error}")
    finally:
        connection.close()
