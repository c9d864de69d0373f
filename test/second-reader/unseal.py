"""
Opens and seals bodies of the bus with jwcrypto, a JOSE library that shares no code with ours. One JSON request a line:
{"open": JWE, "keys": {kid: k}} answers {"body": base64} or {"refused": what}; {"seal": base64, "keys": {kid: k}} answers {"sealed": JWE}.
"""
import base64
import json
import sys

from jwcrypto import jwe, jwk

ALLOWED = ["dir", "A256KW", "A256GCM"]


def key(k):
    return jwk.JWK(kty="oct", k=k)


def opened(text, keys):
    token = jwe.JWE(algs=ALLOWED)
    token.deserialize(text)
    if text.startswith("{"):
        kids = [recipient["header"]["kid"] for recipient in json.loads(text)["recipients"]]
    else:
        kids = [token.jose_header["kid"]]
    held = [kid for kid in kids if kid in keys]
    if not held:
        raise KeyError("no key of " + ", ".join(kids))
    token.decrypt(key(keys[held[0]]))
    return token.payload


def sealed(body, keys):
    header = json.dumps({"enc": "A256GCM"})
    token = jwe.JWE(body, protected=header)
    for kid, k in keys.items():
        token.add_recipient(key(k), header=json.dumps({"alg": "A256KW", "kid": kid}))
    if len(keys) > 1:
        return token.serialize()
    [(kid, k)] = keys.items()
    token = jwe.JWE(body, protected=json.dumps({"alg": "dir", "enc": "A256GCM", "kid": kid}))
    token.add_recipient(key(k))
    return token.serialize(compact=True)


for line in sys.stdin:
    request = json.loads(line)
    try:
        if "open" in request:
            answer = {"body": base64.b64encode(opened(request["open"], request["keys"])).decode()}
        else:
            answer = {"sealed": sealed(base64.b64decode(request["seal"]), request["keys"])}
    except Exception as error:
        answer = {"refused": type(error).__name__}
    print(json.dumps(answer), flush=True)
