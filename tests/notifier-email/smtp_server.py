"""A mail server on 127.0.0.1 for tests. Prints its port, then serves until it is killed.

What it receives becomes FOLDER/1.json, FOLDER/2.json, …: envelope, headers as they read when decoded, both texts, the raw
message, and what the parser finds wrong with it.
"""

import argparse
import asyncio
import email
import email.policy
import json
import os
import ssl

from aiosmtpd.smtp import SMTP, AuthResult


class Receiver:
    def __init__(self, folder, replies):
        self.folder = folder
        self.replies = replies  # "mail", "data" and recipients: what is said to them instead of 250; once when it is a list
        self.count = 0

    def reply_to(self, what):
        reply = self.replies.get(what)
        if isinstance(reply, list):
            return reply.pop(0) if reply else None
        return reply

    async def handle_MAIL(self, server, session, envelope, address, options):
        refusal = self.reply_to("mail")
        if not refusal:
            envelope.mail_from = address
        return refusal or "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        refusal = self.reply_to(address)
        if not refusal:
            envelope.rcpt_tos.append(address)
        return refusal or "250 OK"

    async def handle_DATA(self, server, session, envelope):
        refusal = self.reply_to("data")
        if refusal:
            return refusal
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {part.get_content_type(): part for part in message.walk()}
        self.count += 1
        with open(f"{self.folder}/new", "w", encoding="utf-8") as out:
            json.dump(
                {
                    "from": envelope.mail_from,
                    "to": envelope.rcpt_tos,
                    "user": session.auth_data,
                    "tls": bool(session.ssl) or server.transport.get_extra_info("ssl_object") is not None,
                    "headers": {name: str(value) for name, value in message.items()},
                    "types": list(parts),
                    "text": parts["text/plain"].get_content().replace("\r\n", "\n"),
                    "html": parts["text/html"].get_content().replace("\r\n", "\n"),
                    "raw": envelope.content.decode("latin-1"),
                    "defects": [str(each) for part in message.walk() for each in part.defects]
                    + [str(each) for value in message.values() for each in value.defects],
                },
                out,
            )
        os.rename(f"{self.folder}/new", f"{self.folder}/{self.count}.json")
        return "250 taken"


def authenticator(user, password):
    def check(server, session, envelope, mechanism, data):
        right = (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=right, handled=False, auth_data=user)

    return check


async def say(lines, reader, writer):
    """Says the first line at once and the next after each line it hears; at the end it hangs up, at null it hangs."""
    for line in lines:
        if line is None:
            await asyncio.sleep(3600)
        writer.write(line.encode())
        await writer.drain()
        if line is not lines[-1]:
            await reader.readline()
    writer.close()


async def main():
    options = argparse.ArgumentParser()
    options.add_argument("--folder", default="")
    options.add_argument("--security", default="none")
    options.add_argument("--certificate")
    options.add_argument("--key")
    options.add_argument("--user")
    options.add_argument("--password")
    options.add_argument("--without", action="append", default=[], help="an AUTH mechanism that is not offered")
    options.add_argument("--replies", default="{}")
    options.add_argument("--say", help="a JSON list: no mail server, see say()")
    given = options.parse_args()

    context = None
    if given.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(given.certificate, given.key)
    implicit = context if given.security == "tls" else None
    receiver = Receiver(given.folder, json.loads(given.replies))

    def protocol():
        return SMTP(
            receiver,
            hostname="localhost",
            tls_context=context if given.security == "starttls" else None,
            require_starttls=given.security == "starttls",
            auth_required=given.user is not None,
            auth_require_tls=given.security == "starttls",
            auth_exclude_mechanism=given.without,
            authenticator=authenticator(given.user, given.password) if given.user else None,
            loop=asyncio.get_running_loop(),
        )

    if given.say is not None:
        lines = json.loads(given.say)
        server = await asyncio.start_server(lambda r, w: say(lines, r, w), "127.0.0.1", 0, ssl=implicit)
    else:
        server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=implicit)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
